"""GitHub's operations that the connector uses: method, path and operation id of GitHub's own description
(github.com/github/rest-api-description). GraphQL, which it does not describe, is in `queries.py`."""

from __future__ import annotations

from connectors.http.requests import Operation

GET_USER_BY_ID = Operation("GET", "/user/{account_id}", "users/get-by-id")
GET_USER = Operation("GET", "/users/{username}", "users/get-by-username")
LIST_KEYS = Operation("GET", "/users/{username}/keys", "users/list-public-keys-for-user")
OWN_MEMBERSHIP = Operation("GET", "/user/memberships/orgs/{org}", "orgs/get-membership-for-authenticated-user")
LIST_MEMBERS = Operation("GET", "/orgs/{org}/members", "orgs/list-members")
GET_MEMBERSHIP = Operation("GET", "/orgs/{org}/memberships/{username}", "orgs/get-membership-for-user")
REMOVE_MEMBERSHIP = Operation("DELETE", "/orgs/{org}/memberships/{username}", "orgs/remove-membership-for-user")
LIST_COLLABORATORS = Operation("GET", "/orgs/{org}/outside_collaborators", "orgs/list-outside-collaborators")
REMOVE_COLLABORATOR = Operation(
    "DELETE", "/orgs/{org}/outside_collaborators/{username}", "orgs/remove-outside-collaborator"
)
LEAVE_TEAM = Operation(
    "DELETE", "/orgs/{org}/teams/{team_slug}/memberships/{username}", "teams/remove-membership-for-user-in-org"
)
LIST_INVITATIONS = Operation("GET", "/orgs/{org}/invitations", "orgs/list-pending-invitations")
CANCEL_INVITATION = Operation("DELETE", "/orgs/{org}/invitations/{invitation_id}", "orgs/cancel-invitation")
LIST_GRANTS = Operation("GET", "/orgs/{org}/personal-access-tokens", "orgs/list-pat-grants")
UPDATE_GRANT = Operation("POST", "/orgs/{org}/personal-access-tokens/{pat_id}", "orgs/update-pat-access")
LIST_AUTHORIZATIONS = Operation("GET", "/orgs/{org}/credential-authorizations", "orgs/list-saml-sso-authorizations")
REMOVE_AUTHORIZATION = Operation(
    "DELETE", "/orgs/{org}/credential-authorizations/{credential_id}", "orgs/remove-saml-sso-authorization"
)
GET_SEAT = Operation("GET", "/orgs/{org}/members/{username}/copilot", "copilot/get-copilot-seat-details-for-user")
LIST_SEATS = Operation("GET", "/orgs/{org}/copilot/billing/seats", "copilot/list-copilot-seats")
CANCEL_SEATS = Operation(
    "DELETE", "/orgs/{org}/copilot/billing/selected_users", "copilot/cancel-copilot-seat-assignment-for-users"
)
LIST_INSTALLATIONS = Operation("GET", "/orgs/{org}/installations", "orgs/list-app-installations")
LIST_DEPLOY_KEYS = Operation("GET", "/repos/{owner}/{repo}/keys", "repos/list-deploy-keys")
