"""A simulator of an Okta organisation, written from Okta's own documents.

    from orchestrator.embedded.vendors.okta.seeds import seed_okta
    from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

    async with OktaSimulator().start() as okta:
        seed = seed_okta(okta, people)        # people: the embedded company's, default_people() if left out
        isa = seed.user("E-1015")
        okta.faults.limit("POST", "/lifecycle/")  # faults.py has all faults
        ...  # connect to okta.url with `SSWS {seed.api_token}`, or as the app seed.service with its key seed.key
        assert okta.state.users[isa.id].status == "SUSPENDED"  # organisation.py has the state

Leaving `start()` fails if a request or an answer differed from Okta's description (`description.json`); a test that
sends a wrong request on purpose empties `okta.violations`.

Seeds of your own: `okta.state.new_user("isa@corp.example", employeeNumber="E-1")`, `new_group`, `new_rule`, `new_app`,
`new_role`, `new_factor`, `new_client`, `consent` (grants and tokens of a client), `new_session`, `new_api_token`,
`new_device`. A credential with fewer permissions: an API token of a user with another role
(`new_api_token(user, "name").value` after `new_role("READ_ONLY_ADMIN", user)`), or a service app with fewer scopes or
another role (`new_client`, `new_role("USER_ADMIN", client)`).

Proof from outside: `POST /api/v1/authn` signs in with `user.password`; `GET /api/v1/sessions/me` with the cookie
`sid=SESSION` shows an open session; `POST /oauth2/v1/introspect` and the grant `refresh_token` of
`POST /oauth2/v1/token` show whether tokens of a client live.

Okta's documents leave open what happens in some cases. The simulator then does the following, and a connector must not
depend on it: deactivating a deactivated user is refused with 403 E0000038; access tokens of a suspended or deactivated
user live until they expire or are revoked; a role that a group brings cannot be removed from the user (404); removing a
user from a group that they are not in answers 204; the scope okta.users.manage does not include okta.users.read, which
Okta's description names for reads. That suspending ends sessions is documented for the permission only
(`okta.state.suspension_ends_sessions`), that a group rule leaves a removed member out for the Admin Console only.

Not simulated: policies, factors at sign-in, custom roles and resource sets, realms, delegated authentication, event
hooks, the System Log, DPoP. A group rule compares one attribute with one value.
"""
