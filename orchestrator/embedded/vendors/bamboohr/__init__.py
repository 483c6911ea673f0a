"""A simulator of a company in BambooHR, written from BambooHR's own documents.

    from orchestrator.embedded.vendors.bamboohr.seeds import seed_bamboohr
    from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator

    async with BambooSimulator("Europe/Berlin").start() as bamboo:  # the company's time zone
        seed = seed_bamboohr(bamboo, people)  # default_people() without an argument
        # bamboo.url + "/api/v1/employees/..."; Basic with seed.api_key as the user name, or `Bearer {seed.token}`
        bamboo.state.terminate(seed.employee("E-1015"), "2030-11-29")
        bamboo.faults.break_down("GET", "/changed", status=503)
        ...
        await bamboo.deliver(base)  # webhooks that are due, to this address instead of their host

`company.py` has the state, and what HR does: `hire`, `change`, `move` (another manager or title), `terminate` (also for
a day in the past), `take_back_termination`, `rehire`, `delete`. `state.effects` has each once. A credential that sees
less: `state.new_user(email, employee, "terminationDate", ...)` with hidden fields, `user.sees` with the employees, and
`state.new_key(user)`; `state.new_tokens(user, *scopes)` for an app.

What makes BambooHR hard to read is here: fields that the credential may not see are left out without an error (null in
the list of employees); a termination on a later day is in the table `employmentStatus`, and in a field with
`onlyCurrent=false` only; `supervisorId` is the manager's employee number and `supervisorEId` their id, while a row of
`jobInfo` has the manager's name; a date that is not set is `0000-00-00`, and null in the list; rows of tables come in
no order; without `Accept: application/json` most answers are XML; the reason of an error is in a header.

BambooHR's documents leave open what happens in some cases. The simulator then does the following, and a connector must
not depend on it: a field with a manager's name has the family name first; a change at the moment `since` itself is
listed; without changes `latest` is `since`; the action is that of the last change; a day on which a row comes into
force is no change and sends no webhook; `status` is of today, also with `onlyCurrent=false`; an employee whom the
credential may not see is missing from the changes; a table of such an employee is not found (404); two changes make two
deliveries; the header `X-BambooHR-Timestamp` has seconds since 1970; a refresh token works once; a field of the list
that is not described is refused, though BambooHR ignores it.

Not simulated: writing to employees, reports and datasets, time off, files, custom fields and tables, a limit on the
number of requests (BambooHR names none), the log of deliveries, the sign-in of a person who authorizes an app.
"""
