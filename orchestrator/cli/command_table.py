"""Every command of `offboard`, with the module that it is in.

The table has what lists of commands show, so that `offboard --help` imports none of their modules, and a command only
its own. A test compares each summary with the docstring of its function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """`place` is `module:function`, below `orchestrator.cli`. `summary` is the first sentence of the function's
    docstring. The name is the function's, unless `name` is given."""

    place: str
    summary: str
    name: str = ""

    @property
    def called(self) -> str:
        return self.name or self.place.partition(":")[2].replace("_", "-")


@dataclass(frozen=True, slots=True)
class CommandGroup:
    """Commands below a name. `lists` is the place of what the name alone does; without it, the name alone prints the
    help."""

    called: str
    summary: str
    commands: tuple[CommandEntry, ...]
    lists: str = ""


@dataclass(frozen=True, slots=True)
class CommandSection:
    """The commands of one kind of user, under one heading of `offboard --help`."""

    title: str
    commands: tuple[CommandEntry | CommandGroup, ...]


SECTIONS: Final = (
    CommandSection("HR and general use", (
        CommandEntry("commands.starts.starts:start", "Start a run for one person, or for each leaver in an HR export."),
        CommandEntry("commands.runs:reschedule", "Change a run's cutoff."),
        CommandEntry("commands.runs:urgent",
            "Make a scheduled run urgent: immediately run the reversible steps that remove access, before approval."),
        CommandEntry("commands.restoring:restore_access",
            "Restore what a run removed, for a person who stays or is hired again."),
        CommandEntry("commands.runs:end", "Cancel a run."),
        CommandEntry("commands.runs:embargo", "Change or end a run's embargo."),
        CommandEntry("commands.erasing:erase", "Erase the personal data of the person of a run."),
        CommandEntry("commands.runs:runs", "List runs, newest first."),
        CommandEntry("commands.runs:show",
            "Show a run: its steps with evidence, decisions, and open items with their owner."),
        CommandEntry("commands.finding:find",
            "Find runs and their open exceptions by name, employee number, account or run ID."),
        CommandEntry("commands.watching:watch", "Follow a run until it ends."),
        CommandGroup("batches", "List batches; propose, start, confirm, pause and cancel them.", (
            CommandEntry("commands.starts.batches:propose", "Check every row of an HR export, and record the batch."),
            CommandEntry("commands.starts.batches:show",
                "Show a batch: what it does, how far it is, and each person with their run."),
            CommandEntry("commands.starts.batches:start",
                "Start the runs of a batch, once the safety owner has confirmed it where it needs that."),
            CommandEntry("commands.starts.batches:confirm",
                "Confirm the number of runs of a batch of another person, as its safety owner."),
            CommandEntry("commands.starts.batches:hold", "Pause a batch: it starts no run until it is resumed."),
            CommandEntry("commands.starts.batches:resume", "Resume a batch."),
            CommandEntry("commands.starts.batches:cancel", "Cancel a batch: it starts no further run."),
        ), lists="commands.starts.batches:batches"),
        CommandGroup("legal-hold", "Place and lift legal holds: nothing that destroys data runs under one.", (
            CommandEntry("commands.legal_holds:place",
                "Place a legal hold: no step that destroys data runs until a second person lifts it."),
            CommandEntry("commands.legal_holds:lift", "Lift a legal hold that another person placed."),
        )),
        CommandGroup("hr", "Check HR's exports.", (
            CommandEntry("commands.starts.hr_files:check",
                "Show what Offboard reads in HR's export, and which runs would start."),
        )),
    )),
    CommandSection("Approvers", (
        CommandEntry("commands.decisions:inbox", "List your open items: approvals, tasks, exceptions and reviews."),
        CommandEntry("commands.decisions:approve",
            "Approve the steps of a gate, all of them or with exclusions; or sign the close of a run."),
        CommandEntry("commands.decisions:reject", "Reject the steps of a gate, or the close of a run."),
        CommandGroup("away", "Delegate your approvals to a colleague for a time.", (
            CommandEntry("commands.away:to", "Delegate your approvals to a colleague."),
            CommandEntry("commands.away:end", "End a delegation early."),
        ), lists="commands.away:away"),
    )),
    CommandSection("Operators", (
        CommandEntry("commands.operating:retry",
            "Retry a step that failed or whose outcome is unknown; or, with --system, all such steps on a system."),
        CommandEntry("commands.operating:skip", "Skip a step."),
        CommandEntry("commands.replaying:replay", "Replay a failed or completed run."),
        CommandEntry("commands.operating:hold", "Pause a run, or all changes on a system."),
        CommandEntry("commands.operating:release", "Resume a paused run, or changes on a system."),
        CommandEntry("commands.reconciling:reconcile",
            "Compare the ledger with Temporal, the read tables and systems, and list what does not agree."),
        CommandGroup("tasks", "List and complete manual tasks.", (
            CommandEntry("commands.tasks:complete", "Complete a task as done or not done, with evidence."),
        ), lists="commands.tasks:tasks"),
        CommandGroup("exceptions", "List and resolve exceptions.", (
            CommandEntry("commands.exceptions.showing:show",
                "Show one exception: cause, owner, due date, what people recorded, and each action with its command."),
            CommandEntry("commands.exceptions.exceptions:settle",
                "Confirm which of the accounts found belong to the person."),
            CommandEntry("commands.exceptions.doing_by_hand:done", "Report that a failed step was done by hand."),
            CommandEntry("commands.exceptions.exceptions:accept",
                "Accept an exception: close it with a justification, without changing a step."),
            CommandEntry("commands.exceptions.exceptions:assign",
                "Name who decides at a gate, or reviews a run, that too few can decide."),
            CommandEntry("commands.exceptions.exceptions:replan", "Re-plan a run: search all systems again."),
            CommandEntry("commands.exceptions.exception_records:waive", "Waive an exception until a date."),
            CommandEntry("commands.exceptions.exception_records:owner",
                "Assign an exception to a person with one of its roles."),
            CommandEntry("commands.exceptions.exception_records:snooze",
                "Hide an exception from inboxes until a time."),
            CommandEntry("commands.exceptions.exception_records:comment",
                "Comment on an exception, for those who see the run and read its system."),
        ), lists="commands.exceptions.exceptions:exceptions"),
        CommandGroup("starts", "List held starts; confirm or release them.", (
            CommandEntry("commands.admin.held_starts:release", "Release a limit on starts that was reached."),
            CommandEntry("commands.admin.held_starts:confirm", "Confirm a held start of another person."),
        ), lists="commands.admin.held_starts:starts"),
        CommandGroup("systems",
            "List a packet's systems, check and test them, connect others, and list accounts without an owner.", (
            CommandEntry("commands.admin.systems:check",
                "Check that every system of a packet responds and accepts the credentials."),
            CommandEntry("commands.admin.system_tests:test",
                "Test a system: connection, credential, permissions, one person, and what a run would do."),
            CommandEntry("commands.admin.connecting:connect",
                "Connect a system: show what its kind needs, test the connection, and print the lines for "
                "platform.yaml."),
            CommandEntry("commands.admin.systems:orphans",
                "List a system's accounts that no person who works here owns."),
        ), lists="commands.admin.systems:systems"),
    )),
    CommandSection("Packet owners", (
        CommandEntry("commands.admin.credentials:revoke_role",
            "Revoke roles of an account immediately, for the safety owner of a packet that uses them."),
        CommandGroup("tokens", "List and revoke API tokens; change who answers for a service.", (
            CommandEntry("commands.admin.credentials:owners", "Change who answers for a service, for a safety owner."),
            CommandEntry("commands.admin.credentials:revoke", "Revoke an API token immediately."),
        ), lists="commands.admin.credentials:tokens"),
        CommandGroup("assistants", "List AI assistants and their requests; stop and resume them.", (
            CommandEntry("commands.admin.assistants:calls",
                "List the requests of an AI assistant on one day, newest first."),
            CommandEntry("commands.admin.assistants:stop",
                "Stop an AI assistant, or all of them, from the next request on."),
            CommandEntry("commands.admin.assistants:resume",
                "Resume an AI assistant, or those that were stopped together, as a safety owner."),
        ), lists="commands.admin.assistants:assistants"),
        CommandGroup("sessions", "List and end sessions in browsers.", (
            CommandEntry("commands.admin.credentials:end",
                "End all sessions of an account, and the sign-ins of its command lines."),
        ), lists="commands.admin.credentials:sessions"),
        CommandGroup("packet", "Check, compare, sign and object to packets, and change their phase.", (
            CommandEntry("commands.admin.packets:check",
                "Check a packet's three files and list every problem by file, line and field."),
            CommandEntry("commands.admin.packets:diff",
                "Compare two versions of a packet by meaning: each change is wording, stricter, laxer or other."),
            CommandEntry("commands.admin.packets:sign", "Sign a packet for its next phase, as one of its owners."),
            CommandEntry("commands.admin.packets:move",
                "Change a packet's phase: forward with the signatures that its changes need, back by either owner "
                "alone."),
            CommandEntry("commands.admin.packets:record",
                "Show who adopted, signed, moved and objected to a packet version, when, and on which changes."),
            CommandEntry("commands.admin.packet_shadow:shadow",
                "Compare a packet version's dry runs with what was done: its figures, and each difference."),
            CommandEntry("commands.admin.packet_shadow:judge",
                "Judge a difference between a dry run and what was done, with --reason."),
            CommandEntry("commands.admin.packets:object_to", name="object",
                summary="Object to a packet version as one of its owners, with --reason."),
        )),
    )),
    CommandSection("Sign-in", (
        CommandEntry("server.signing_in:login", "Sign in to a server: confirm the code shown here in a browser."),
        CommandEntry("server.signing_in:logout", "Sign out of a server: revoke this machine's token and delete it."),
        CommandEntry("server.signing_in:whoami", "Show who you are signed in as, and on which server."),
    )),
    CommandSection("Administrators", (
        CommandEntry("commands.admin.setup_checklist:checklist",
            "Show what this installation still needs: sign-in, HR, a system, mail, a packet."),
        CommandEntry("commands.serving:up", "Start all of Offboard on this machine with sample systems."),
        CommandEntry("commands.serving:demo", "Run a demo: a sample company, people who leave, and approvals by you."),
        CommandEntry("commands.serving:worker", "Run a worker, which runs the steps."),
        CommandEntry("commands.serving:relay", "Run the relay alone."),
        CommandEntry("commands.serving:web", "Serve the web pages and the API."),
        CommandEntry("commands.serving:migrate", "Migrate the database to this version."),
        CommandEntry("server.healthy:healthy", "Check that the ledger and Temporal can be used from here."),
        CommandEntry("server.doctor:doctor", "Show which part or system is down, and since when."),
        CommandEntry("commands.admin.backups:backup", "Back up the ledger and people's keys to two new files."),
        CommandEntry("commands.admin.backups:restore", "Restore a backup into an empty database that was migrated."),
        CommandGroup("connector", "Create connector packages for other systems.", (
            CommandEntry("commands.admin.connector:new",
                "Create a connector package from a template whose tests pass."),
        )),
        CommandGroup("mail", "Test the mail server for notices.", (
            CommandEntry("commands.admin.mail:test",
                "Send one mail with the settings of the worker, and show what the mail server answered."),
        )),
        CommandGroup("ledger", "Sign, verify and export the ledger; rebuild the read tables.", (
            CommandEntry("commands.admin.ledger:checkpoint", "Sign a checkpoint of the ledger: its size and its root."),
            CommandEntry("commands.admin.ledger:verify",
                "Verify the ledger: read every row with independent code, and report the first row that is wrong."),
            CommandEntry("commands.admin.ledger:rebuild",
                "Rebuild the read tables from the events and report differences."),
            CommandEntry("commands.admin.ledger:export",
                "Export all rows to a file, to verify them on another machine."),
            CommandEntry("commands.admin.ledger:key", "Create a key pair for checkpoints."),
            CommandEntry("commands.serving:migrate", "Migrate the database to this version."),
            CommandEntry("commands.admin.ledger:new_master_key", "Create a master key that replaces the current one."),
            CommandEntry("commands.admin.ledger:rewrap",
                "Encrypt everything again that a former master key encrypted."),
        )),
    )),
)  # fmt: skip
