"""A simulator of a Slack organization (Enterprise) or workspace (Business+), written from Slack's own documents.

    from orchestrator.embedded.vendors.slack.seeds import seed_slack
    from orchestrator.embedded.vendors.slack.simulator import SlackSimulator

    async with SlackSimulator().start() as slack:  # SlackSimulator("business_plus") for one workspace without admin.*
        seed = seed_slack(slack, people)  # default_people() without an argument
        # slack.url + "/api/users.info" and "/scim/v2/Users"; `Bearer {seed.token}`, or seed.bot for a bot's
        slack.faults.limit("PATCH", "/Users/")
        slack.faults.break_down("POST", "session.reset", status=200)  # `ok: false` within a 200
        ...
        assert not seed.user("E-1015").active
        assert [one.kind for one in slack.state.effects] == ["deactivated"]

`grid.py` has the state and makes seeds of your own (`install(app, user, team, *scopes, kind="bot", expires=...)` for a
token with fewer scopes, of one workspace, or that ends). `slack.state.effects` has each change once. Proof from
outside: a person's own token (`seed.tokens`) with auth.test, which answers `token_revoked` after a deactivation.
Sessions are in admin.users.session.list.

The SCIM API and eleven methods have no description (Slack's is of 2021); `UNDESCRIBED` in `simulator.py` names them
with their pages. Methods that contradict their page today are among them. To compare `description.json`, take Slack's
own document: some copies of it have lost which arguments are required.

Slack's documents leave open what happens in some cases. The simulator then does the following, and a connector must not
depend on it: the status of a SCIM error (404 for what does not exist, 403 for a permission, else 400, except that of
`missing_schema_element`, which is documented); a PATCH without `path` is carried out; a PUT without `active` leaves
it; a list of SCIM has deactivated users; a deactivated user stays in groups, user groups and channels; tokens of apps
outlive the reset of sessions; leaving a workspace revokes the user's tokens for it and leaves its user groups, even
those that become empty; a token of one workspace may not call `admin.*` (`feature_not_enabled`); a second deactivation
changes nothing and is no error; limits are exact, without bursts; an error of a server before Slack's own is no JSON.
Filters are documented for version 1.1 of SCIM only: `slack.state.heeds_scim_filters = False` ignores them.

Not simulated: creating users and groups, token rotation, messages and files, Slack Connect, legacy tokens,
restrictions by IP address, audit logs, a PATCH of addresses, phone numbers, photos and roles.
"""
