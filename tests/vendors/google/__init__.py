"""A simulator of a Google Workspace customer (Admin SDK, licence manager, tokens), written from Google's documents.

    from tests.vendors.google.seeds import seed_google
    from tests.vendors.google.simulator import GoogleSimulator

    async with GoogleSimulator().start() as google:
        seed = seed_google(google, people)  # default_people() without an argument
        # google.url for every API, google.token_url for tokens; seed.service with seed.key acts for seed.admin
        google.faults.limit_as_forbidden("PATCH", "/users/")
        ...
        assert seed.user("E-1015").suspended

`workspace.py` has the state and makes seeds of your own (`new_client(name, *scopes, key=...)` for a service account
with fewer scopes, `assign_role("2", user)` for a delegated administrator). Proof from outside: refresh tokens at
`google.token_url`, and `POST /oauth2/v2/tokeninfo`. Web sessions have no API: `user.sessions` counts them.

Google's documents leave open what happens in some cases. The simulator then does the following, and a connector
must not depend on it: an access token that was issued before a suspension lives until it expires or its app's
tokens are removed; a transfer is in progress for one read; a second transfer from the same user is refused with 409
meanwhile; a deleted user's groups, roles and licences do not come back.

Not simulated: Gmail, Drive and Calendar themselves, Cloud Identity, dynamic groups, Vault, organizational units,
batches, 2-step verification, Chrome devices.
"""
