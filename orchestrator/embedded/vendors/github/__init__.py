"""A simulator of one GitHub organization (REST API of GitHub Enterprise Cloud), written from GitHub's own documents.

    from orchestrator.embedded.vendors.github.seeds import seed_github
    from orchestrator.embedded.vendors.github.simulator import GitHubSimulator

    async with GitHubSimulator().start() as github:
        seed = seed_github(github, people)  # default_people() without an argument
        # github.url; the organization is `corp`; `Bearer {seed.token}`, or the app seed.app with its key seed.key
        github.faults.limit_as_forbidden("DELETE", "/members/")
        ...
        assert seed.user("E-1015").login not in github.state.members

`organization.py` has the state and makes seeds of your own (`new_classic_token(user, *scopes)` and `new_app(slug, key,
**permissions)` for a credential with fewer permissions). Proof from outside: a person's own token, with
`GET /repos/corp/billing` and `GET /user/memberships/orgs/corp`. `github.state.saml = True` makes tokens need an
authorization for single sign-on.

GitHub's documents leave open what happens in some cases. The simulator then does the following, and a connector must
not depend on it: the last owner cannot be removed (403); a team that an identity provider fills refuses changes
(403); a classic token without the scope gets 404 for reads and 403 where only an owner may act; revoking several
fine-grained tokens, which GitHub does later, is done at once.

GraphQL answers what `graphql_schema.json` has, a cut of GitHub's public schema; queries and answers are checked against
it.

Not simulated: enterprises and managed users, SCIM, webhooks, OAuth app tokens, forks, teams in teams, organization
roles, conditional requests.
"""
