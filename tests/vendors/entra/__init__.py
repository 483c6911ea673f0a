"""A simulator of an Entra ID tenant behind Microsoft Graph v1.0, written from Microsoft's own documents.

    from tests.vendors.entra.seeds import seed_entra
    from tests.vendors.entra.simulator import EntraSimulator

    async with EntraSimulator().start() as entra:
        seed = seed_entra(entra, people)  # default_people() without an argument
        # tokens: entra.token_url with seed.service.app_id and .secret; Graph: f"{entra.url}/v1.0"
        entra.faults.limit("PATCH", "/users/")
        ...
        assert not seed.user("E-1015").enabled

`directory.py` has the state and makes seeds of your own (`new_user`, `new_group` with `rule=`, `synced=` and others,
`new_application(name, *permissions)` for an app with fewer permissions). Proof from outside: the token endpoint with
the grants `password` and `refresh_token`, and `GET /v1.0/me` with a user's access token.

Microsoft's documents leave open what happens in some cases. The simulator then does the following, and a connector must
not depend on it: a member of a dynamic group cannot be removed (403); a synced user's account cannot be disabled (400),
but be deleted; an access token lives 75 minutes, and is not ended by anything (no continuous access evaluation);
refresh tokens end with revokeSignInSessions at once unless `revocation_delay` is set; every method but the password
can be removed in any order.

Not simulated: delta queries, conditional access, eligible roles (PIM), administrative units, devices,
Exchange, Teams and SharePoint. `$expand` works for a user's manager and for role definitions only.
"""
