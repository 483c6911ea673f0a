"""Reading a packet: what is wrong is named by file, line and field, all of it at once."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet.packet import packet_version
from orchestrator.domain.packet.packet_files import MAX_PROBLEMS, parse_packet, read_packet_folder
from orchestrator.domain.packet.packet_yaml import MAX_FILE_BYTES, MAX_NODES, PacketProblem, PacketProblems
from tests.domain.packet_texts import FILES, WORKFLOW, packet_files


def problems(files: dict[str, bytes]) -> list[PacketProblem]:
    with pytest.raises(PacketProblems) as refused:
        parse_packet(files)
    return refused.value.problems


def only(files: dict[str, bytes]) -> PacketProblem:
    found = problems(files)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


def test_a_whole_packet() -> None:
    packet = parse_packet(packet_files())
    assert packet.name == "leaver"
    assert packet.workflow.outcomes.access_gone_within == timedelta(hours=1)
    assert packet.workflow.thresholds.retries_become_exception_after == timedelta(minutes=15)
    assert packet.workflow.step("remove").at.offset == timedelta(days=30)
    assert packet.files["workflow.yaml"] == WORKFLOW.encode()
    assert "Access ends with the work.\\n" not in repr(packet)


def test_the_version_is_the_hash_of_the_bytes_each_with_its_length() -> None:
    files = packet_files()
    whole = b"".join(len(files[name]).to_bytes(8, "big") + files[name] for name in FILES)
    assert parse_packet(files).version == hashlib.sha256(whole).hexdigest()
    moved = {**files, "workflow.yaml": files["workflow.yaml"] + b"#", "platform.yaml": files["platform.yaml"]}
    assert packet_version(moved) != packet_version(files)
    between = {"workflow.yaml": b"ab", "platform.yaml": b"c", "approvals.yaml": b""}
    assert packet_version(between) != packet_version({**between, "workflow.yaml": b"a", "platform.yaml": b"bc"})


def test_other_files_in_the_folder_are_left_out(tmp_path: Path) -> None:
    for name, content in {**packet_files(), "README.md": b"x", "CODEOWNERS": b"y"}.items():
        (tmp_path / name).write_bytes(content)
    assert read_packet_folder(tmp_path) == parse_packet(packet_files())


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "workflow.yaml").write_bytes(WORKFLOW.encode())
    with pytest.raises(PacketProblems) as refused:
        read_packet_folder(tmp_path)
    assert [(problem.file, problem.message) for problem in refused.value.problems] == [
        ("platform.yaml", "is missing"),
        ("approvals.yaml", "is missing"),
    ]
    with pytest.raises(Invalid) as no_folder:
        read_packet_folder(tmp_path / "nowhere")
    assert no_folder.value.code == "no_packet_folder"


@pytest.mark.parametrize(
    ("files", "line", "field", "said"),
    [
        (packet_files(workflow=("title: Somebody leaves\n", "")), 1, "title", "'title' is missing"),
        (
            packet_files(workflow=("title: Look", "titel: Look\n    title: Look")),
            9,
            "steps[0].titel",
            "not a field here",
        ),
        (packet_files(workflow=("    at: cutoff\n", "    at: cutof\n")), 20, "steps[2].at", "write 'approval'"),
        (packet_files(workflow=("PT1H", "one hour")), 6, "outcomes.access_gone_within", "PT15M"),
        (packet_files(workflow=("PT1H", "PT0S")), 6, "outcomes.access_gone_within", "longer than zero"),
        (packet_files(workflow=("PT1H", "3600")), 6, "outcomes.access_gone_within", "as text"),
        (packet_files(workflow=("title: Look", "title: Look\n    title: Again")), 10, "steps[0].title", "twice"),
        (packet_files(workflow=("    ability: snapshot\n", "")), 8, "steps[0]", "either 'system' with 'ability'"),
        (packet_files(workflow=("name: look", "name: Look at")), 8, "steps[0].name", "not a name"),
        (packet_files(workflow=("needs: [look]", "needs: look")), 19, "steps[2].needs", "must be a list"),
        (packet_files(workflow=("steps:", "pilot: person.age > 3\nsteps:")), 7, "pilot", "'person' has no field 'age'"),
        (
            packet_files(workflow=("    at: cutoff\n", "    when: |\n      run.urgent &&\n      person.age\n")),
            22,
            "steps[2].when",
            "'person' has no field 'age'",
        ),
        (
            packet_files(workflow=("    at: cutoff\n", "    parameters:\n      to: [a, '= person.x']\n")),
            21,
            "steps[2].parameters.to[1]",
            "'person' has no field 'x'",
        ),
        (
            packet_files(workflow=("    task:", "    when: account.active\n    task:")),
            14,
            "steps[1].when",
            "not available here",
        ),
        (packet_files(platform=("up_to: read", "up_to: everything")), 16, "levels[0].up_to", "not an allowed value"),
        (
            packet_files(platform=("key: employee_number", "key: shoe_size")),
            14,
            "systems.code.match[0].key",
            "matched by",
        ),
        (packet_files(platform=("key: employee_number", "key: name")), 14, "systems.code.match[0]", "strength: weak"),
        (packet_files(platform=("title: Code", "title: &name Code")), 9, "", "anchors"),
        (packet_files(platform=("title: Code", "title: !!python/object:os.system Code")), 9, "", "tags"),
        (packet_files(platform=("title: Code", "title: yes: no")), 9, "", "not well-formed"),
        (
            packet_files(platform=("  system: hr", "  system: hr\n  export_columns: {shoe: S}")),
            20,
            "hr.export_columns",
            "not a field of people",
        ),
        (packet_files(approvals=("P1D", "P1M")), 5, "gates.access.decide_within", "PT15M"),
        (
            packet_files(approvals=("    title: Access", "    title: Access\n    quorum: 0")),
            4,
            "gates.access.quorum",
            "greater",
        ),
        (
            packet_files(approvals=("    title: Access", "    title: Access\n    needed_when: person.x")),
            4,
            "gates.access.needed_when",
            "'person' has no field 'x'",
        ),
        ({**packet_files(), "approvals.yaml": b"gates: {}\n\xff"}, 2, "", "UTF-8"),
        ({**packet_files(), "approvals.yaml": b"- a\n- b"}, 1, "", "name: value"),
        ({**packet_files(), "approvals.yaml": b""}, 1, "", "name: value"),
        ({**packet_files(), "approvals.yaml": b"a: 1\n---\nb: 2"}, 2, "", "not well-formed"),
        ({**packet_files(), "approvals.yaml": b"a: \x07"}, 1, "", "does not allow"),
        ({**packet_files(), "approvals.yaml": rb'a: "\Uffffffff"'}, None, "", "for a character that does not exist"),
        ({**packet_files(), "approvals.yaml": rb'a: "\ud800"'}, 1, "", "for a character that does not exist"),
        ({**packet_files(), "approvals.yaml": b"[" * 5_000}, None, "", "too deeply"),
        ({**packet_files(), "approvals.yaml": b"#" * (MAX_FILE_BYTES + 1)}, None, "", "larger than"),
    ],
)
def test_each_fault_has_its_place(files: dict[str, bytes], line: int | None, field: str, said: str) -> None:
    problem = only(files)
    assert (problem.line, problem.field) == (line, field), str(problem)
    assert said in problem.message, str(problem)


def test_all_faults_are_reported_at_once_in_the_order_of_the_files() -> None:
    found = problems(
        packet_files(
            workflow=("title: Look", "titel: Look"), platform=("up_to: read", "up_to: all"), approvals=("P7D", "week")
        )
    )
    assert [problem.file for problem in found] == ["workflow.yaml", "workflow.yaml", "platform.yaml", "approvals.yaml"]
    with pytest.raises(PacketProblems) as refused:
        parse_packet({})
    assert refused.value.code == "packet_problems"
    assert refused.value.message.count("is missing") == 3


def test_a_misspelt_name_brings_up_the_one_that_was_meant() -> None:
    assert (
        only(packet_files(approvals=("valid_for: P7D", "valid_for: P7D\n    quorom: 2"))).remedy
        == "did you mean 'quorum'?"
    )


def test_words_keep_their_letters() -> None:
    """No YAML 1.1 surprises: Norway stays NO, a time of day and a date stay texts."""
    files = packet_files(
        workflow=("    at: cutoff\n", "    parameters: {a: NO, b: 10:30, c: 2026-01-01, d: on, e: 1e3}\n")
    )
    step = parse_packet(files).workflow.step("disable")
    assert step.parameters == {"a": "NO", "b": "10:30", "c": "2026-01-01", "d": "on", "e": 1000.0}


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    files = {name: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for name, text in FILES.items()}
    assert parse_packet(files).workflow == parse_packet(packet_files()).workflow


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused(content: bytes) -> None:
    with pytest.raises(PacketProblems):
        parse_packet({**packet_files(), "approvals.yaml": content})


@given(
    st.integers(min_value=0, max_value=len(WORKFLOW)),
    st.sampled_from(["", " ", "\n", ":", "-", "'", "{", "\t", "é", "#"]),
)
def test_a_slip_of_the_pen_is_refused_or_harmless(place: int, slip: str) -> None:
    files = packet_files()
    files["workflow.yaml"] = (WORKFLOW[:place] + slip + WORKFLOW[place + 1 :]).encode()
    try:
        parse_packet(files)
    except PacketProblems as refused:
        assert all(problem.file == "workflow.yaml" and problem.message for problem in refused.problems)


def test_a_new_version_has_so_many_entries_and_the_ledger_is_read_whatever_it_has() -> None:
    long = WORKFLOW.encode() + b"\n".join([b"", *(b"#" for _ in range(MAX_NODES))])
    many = packet_files() | {"workflow.yaml": b"a: [" + b"1," * MAX_NODES + b"]"}
    assert parse_packet(packet_files() | {"workflow.yaml": long}, max_nodes=MAX_NODES)
    with pytest.raises(PacketProblems) as refused:
        parse_packet(many, max_nodes=MAX_NODES)
    [problem] = refused.value.problems
    assert str(problem).startswith(f"workflow.yaml:1: has more than {MAX_NODES} entries")
    assert not any("entries" in problem.message for problem in problems(many))


def test_of_thousands_of_problems_the_first_are_listed() -> None:
    found = problems(packet_files() | {"workflow.yaml": b"\n".join(b"a%d: 1" % number for number in range(2_000))})
    listed = [problem for problem in found if "is not a field here" in problem.message]
    assert 0 < len(listed) <= MAX_PROBLEMS
    assert any("more problems of this kind" in problem.message for problem in found)
