"""Every route of the application, and what comes of it for everyone who could come: written by hand, to be read.

    +   allowed
    x   refused: they know of it, and may not (403)
    ?   invisible: refused in the words that are said of what does not exist (404)
    s   the way to the sign-in page, or 401
    -   what was asked cannot be so, or not for them (422)

Who: HR, IT approver, finance approver, operator, value owner, safety owner, auditor, someone without any role, a
service whose token goes no further than reading, and no one at all. A service has no session: pages send it to sign in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

WHO = ("hr", "it", "finance", "operator", "value-owner", "safety-owner", "auditor", "guest", "program", "nobody")

ANYBODY = """
#                                                     hr it fi op vo so au gu pr no
GET    /sign-in                                        +  +  +  +  +  +  +  +  +  +
GET    /sign-in/start                                  -  -  -  -  -  -  -  -  -  -   no provider is set here
GET    /sign-in/callback                               x  x  x  x  x  x  x  x  x  x
POST   /sign-in/provider-sign-out                      ?  ?  ?  ?  ?  ?  ?  ?  ?  ?   no provider is set here
POST   /sign-in/local                                  +  +  +  +  +  +  +  +  +  +
GET    /api                                            +  +  +  +  +  +  +  +  +  +
GET    /api/v1/openapi.json                            +  +  +  +  +  +  +  +  +  +
GET    /api/v1/health                                  +  +  +  +  +  +  +  +  +  +
GET    /api/v1/readiness                               +  +  +  +  +  +  +  +  +  +
POST   /api/v1/device                                  +  +  +  +  +  +  +  +  +  +
POST   /api/v1/device/token                            x  x  x  x  x  x  x  x  x  x   nobody has confirmed yet
POST   /api/v1/sign-in/local                           +  +  +  +  +  +  +  +  +  +
POST   /api/v1/hooks/hr                                s  s  s  s  s  s  s  s  s  s   it goes by the signature alone
POST   /api/v1/hooks/bamboohr                          s  s  s  s  s  s  s  s  s  s   the same
"""

PAGES = """
#                                                     hr it fi op vo so au gu pr no
POST   /sign-out                                       +  +  +  +  +  +  +  +  s  s
GET    /device                                         +  +  +  +  +  +  +  +  s  s
POST   /device                                         +  +  +  +  +  +  +  +  s  s
GET    /                                               +  +  +  +  +  +  +  +  s  s
GET    /inbox                                          +  +  +  +  +  +  +  +  s  s
GET    /inbox/stream                                   +  +  +  +  +  +  +  +  s  s
GET    /runs                                           +  +  +  +  +  +  +  +  s  s
GET    /runs/stream                                    +  +  +  +  +  +  +  +  s  s
GET    /exceptions                                     +  +  +  +  +  +  +  +  s  s
GET    /exceptions/stream                              +  +  +  +  +  +  +  +  s  s
GET    /search                                         +  +  +  +  +  +  +  +  s  s
POST   /search                                         +  +  +  +  +  +  +  +  s  s
GET    /runs/{run_id}                                  +  +  +  +  +  +  +  ?  s  s
GET    /runs/{run_id}/restore                          +  +  +  +  +  +  +  ?  s  s
GET    /runs/{run_id}/replay                           +  +  +  +  +  +  +  ?  s  s
GET    /runs/{run_id}/erasure                          +  +  +  +  +  +  +  ?  s  s
GET    /runs/{run_id}/stream                           +  +  +  +  +  +  +  ?  s  s
GET    /runs/{run_id}/files/{stored}                   +  +  +  +  +  +  +  ?  s  s
# New runs are for those who may prepare them.
GET    /runs/new                                       +  +  +  +  x  +  x  x  s  s
GET    /runs/new/people                                +  +  +  +  +  +  +  +  s  s   to the beginning
GET    /runs/new/terms                                 +  +  +  +  +  +  +  +  s  s
GET    /runs/new/preview                               +  +  +  +  +  +  +  +  s  s
POST   /runs/new/people                                +  +  +  +  x  +  x  x  s  s
POST   /runs/new/terms                                 +  -  -  -  -  -  -  -  s  s   drafts are one's own
POST   /runs/new/preview                               +  -  -  -  -  -  -  -  s  s   drafts are one's own
GET    /runs/new/preview/{inquiry_id}                  +  ?  ?  ?  ?  ?  ?  ?  s  s
POST   /runs/new/preview/{inquiry_id}                  +  ?  ?  ?  ?  ?  ?  ?  s  s
# Changing a run.
POST   /runs/{run_id}/reschedule                       +  +  +  +  x  +  x  ?  s  s
POST   /runs/{run_id}/urgent                           +  +  x  x  x  x  x  ?  s  s
POST   /runs/{run_id}/hold                             +  x  x  +  x  +  x  ?  s  s
POST   /runs/{run_id}/release                          +  x  x  +  x  +  x  ?  s  s
POST   /runs/{run_id}/replan                           x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/restore                          +  x  x  x  x  x  x  ?  s  s
POST   /runs/{run_id}/replay                           x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/embargo                          +  +  +  +  x  +  x  ?  s  s   named, and may do more than read
POST   /runs/{run_id}/end                              +  x  x  x  x  x  x  ?  s  s   only HR's roles postpone
POST   /runs/{run_id}/erasure                          +  x  x  x  +  +  x  ?  s  s
POST   /runs/{run_id}/legal-holds                      +  x  x  x  x  x  x  ?  s  s
POST   /runs/{run_id}/legal-holds/lift                 +  x  x  x  x  x  x  ?  s  s   another person placed it
# Deciding, doing, settling.
POST   /runs/{run_id}/gates/{gate_id}                  x  +  x  x  x  x  x  ?  s  s
POST   /decisions                                      x  +  x  x  x  x  x  ?  s  s
POST   /runs/{run_id}/tasks/{task_id}                  x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/accept                           x  x  x  x  x  +  x  ?  s  s
POST   /runs/{run_id}/waive                            -  x  x  x  x  x  x  ?  s  s   access can stay open: HR waives
POST   /runs/{run_id}/assign                           x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/snooze                           x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/comment                          +  +  +  +  +  +  +  ?  s  s
POST   /runs/{run_id}/name-decider                     -  -  -  -  -  -  -  ?  s  s   every gate has enough people
POST   /runs/{run_id}/settle                           x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/retry                            x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/skip                             x  x  x  +  x  x  x  ?  s  s
POST   /runs/{run_id}/done-by-hand                     x  x  x  +  x  x  x  ?  s  s   no step has failed
POST   /exceptions/retry                               x  x  x  +  x  x  x  ?  s  s   no step has failed
# What governs and surrounds runs.
GET    /packets                                        +  +  +  +  +  +  +  +  s  s
GET    /packets/{name}                                 +  +  +  +  +  +  +  ?  s  s
GET    /packets/{name}/versions/{version}              +  +  +  +  +  +  +  ?  s  s
GET    /packets/{name}/versions/{version}/record       +  +  +  +  +  +  +  ?  s  s
GET    /packets/{name}/versions/{version}/shadow       +  +  +  +  +  +  +  ?  s  s
POST   /packets/{name}/versions/{version}/shadow       -  x  x  -  -  -  x  ?  s  s   the run is no dry run
GET    /packets/{name}/differences                     +  +  +  +  +  +  +  ?  s  s
GET    /packets/{name}/versions/{version}/edit         x  x  ?  x  +  +  x  ?  s  s   the packet grants finance nothing
POST   /packets/{name}/versions/{version}/edit         x  x  ?  x  +  +  x  ?  s  s   the packet grants finance nothing
POST   /packets/{name}/versions/{version}/sign         x  x  ?  x  +  +  x  ?  s  s   the packet grants finance nothing
POST   /packets/{name}/versions/{version}/move         x  x  ?  x  +  +  x  ?  s  s   the packet grants finance nothing
POST   /packets/{name}/versions/{version}/object       x  x  ?  x  +  +  x  ?  s  s   the packet grants finance nothing
POST   /packets/{name}/versions/{version}/withdraw-objection  x  x  ?  x  +  x  x  ?  s  s   its author alone
GET    /systems                                        +  +  +  +  +  +  +  +  s  s
POST   /systems/{packet}/check                         x  x  x  +  x  +  x  ?  s  s
POST   /systems/{packet}/hold                          x  x  x  +  x  +  x  ?  s  s
POST   /systems/{packet}/release                       x  x  x  +  x  +  x  ?  s  s
GET    /checklist                                      +  +  +  +  +  +  +  x  s  s
GET    /systems/{packet}/{system}/test                 x  x  x  +  x  +  x  ?  s  s
POST   /systems/{packet}/{system}/test                 x  x  x  +  x  +  x  ?  s  s
GET    /systems/{packet}/{system}/test/{inquiry_id}    x  x  x  ?  x  ?  x  ?  s  s
POST   /systems/{packet}/{system}/orphans              +  +  x  +  +  +  +  ?  s  s   the packet grants finance nothing
GET    /systems/{packet}/{system}/orphans/{inquiry_id} ?  ?  ?  ?  ?  ?  ?  ?  s  s   no list with this id
GET    /ledger                                         +  +  +  +  +  +  +  +  s  s
POST   /ledger/compare                                 +  +  +  +  +  +  +  x  s  s
POST   /ledger/verify                                  +  +  +  +  +  +  +  x  s  s
GET    /ledger/verifications/{inquiry_id}              +  +  +  +  +  +  +  x  s  s   a verification is for all readers
GET    /outcomes                                       +  +  +  +  +  +  +  +  s  s
# One's own affairs, and programs.
GET    /away                                           +  +  +  +  +  +  +  +  s  s
GET    /batches                                        +  +  +  +  +  +  +  +  s  s
POST   /batches                                        -  -  -  -  x  -  x  -  s  s   no file
GET    /batches/checks/{inquiry_id}                    ?  ?  ?  ?  ?  ?  ?  ?  s  s   never asked
GET    /batches/{batch_id}                             ?  ?  ?  ?  ?  ?  ?  ?  s  s   there is none
POST   /batches/{batch_id}/start                       ?  ?  ?  ?  ?  ?  ?  ?  s  s
POST   /batches/{batch_id}/confirm                     ?  ?  ?  ?  ?  ?  ?  ?  s  s
POST   /batches/{batch_id}/hold                        ?  ?  ?  ?  ?  ?  ?  ?  s  s
POST   /batches/{batch_id}/resume                      ?  ?  ?  ?  ?  ?  ?  ?  s  s
POST   /batches/{batch_id}/cancel                      ?  ?  ?  ?  ?  ?  ?  ?  s  s
GET    /starts                                         +  +  +  +  +  +  +  +  s  s
POST   /starts/limits/{trip_id}/release                ?  ?  ?  ?  ?  ?  ?  ?  s  s   none is reached
POST   /starts/held/{held_id}/confirm                  ?  ?  ?  ?  ?  ?  ?  ?  s  s   none is held
POST   /away                                           +  +  +  +  +  +  +  +  s  s
POST   /away/{delegation_id}/end                       +  ?  ?  +  ?  ?  ?  ?  s  s   hr's, to operator
GET    /tokens                                         +  +  +  +  +  +  +  +  s  s
POST   /tokens                                         x  x  x  x  x  +  x  x  s  s
POST   /tokens/{token_id}/owners                       x  x  x  x  x  +  x  x  s  s
POST   /tokens/{token_id}/revoke                       ?  ?  ?  ?  ?  +  ?  ?  s  s
GET    /assistants                                     +  +  +  +  +  +  +  +  s  s
GET    /assistants/{account}                           ?  ?  ?  ?  ?  ?  ?  ?  s  s   there is none
POST   /assistants/stop                                x  x  x  x  +  +  x  x  s  s   all of them
POST   /assistants/resume                              x  x  x  x  x  +  x  x  s  s
GET    /staff                                          x  x  x  x  x  +  x  x  s  s
POST   /staff/{actor_id}/roles/revoke                  x  x  x  x  x  +  x  x  s  s
POST   /staff/{actor_id}/sessions/end                  x  x  x  x  x  +  x  x  s  s
POST   /staff/tokens/{token_id}/revoke                 x  x  x  x  x  +  x  x  s  s   the page is not theirs
GET    /webhooks                                       x  x  x  x  x  +  x  x  s  s
POST   /webhooks                                       x  x  x  x  x  +  x  x  s  s
POST   /webhooks/{hook_id}/secret                      x  x  x  x  x  +  x  x  s  s
POST   /webhooks/{hook_id}/disable                     x  x  x  x  x  +  x  x  s  s
"""

API = """
#                                                     hr it fi op vo so au gu pr no
GET    /api/v1/me                                      +  +  +  +  +  +  +  +  +  s
GET    /api/v1/runs                                    +  +  +  +  +  +  +  +  +  s
POST   /api/v1/search                                  +  +  +  +  +  +  +  +  +  s
GET    /api/v1/inbox                                   +  +  +  +  +  +  +  +  +  s
GET    /api/v1/tasks                                   +  +  +  +  +  +  +  +  +  s
GET    /api/v1/exceptions                              +  +  +  +  +  +  +  +  +  s
GET    /api/v1/runs/{run_id}                           +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/runs/{run_id}/events                    +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/runs/{run_id}/exposure                  +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/runs/{run_id}/stream                    +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/runs/{run_id}/files/{stored}            +  +  +  +  +  +  +  ?  +  s
# New runs are for those who may prepare them.
POST   /api/v1/people/search                           +  +  +  +  x  +  x  -  x  s
POST   /api/v1/people/lookup                           +  +  +  +  x  +  x  -  x  s
POST   /api/v1/previews                                +  +  +  +  x  +  x  -  x  s
POST   /api/v1/runs                                    +  +  +  +  x  +  x  -  x  s
GET    /api/v1/inquiries/{inquiry_id}                  +  +  +  +  +  +  +  ?  +  s   a verification is for all readers
# Changing a run.
POST   /api/v1/runs/{run_id}/reschedule                +  +  +  +  x  +  x  ?  x  s
POST   /api/v1/runs/{run_id}/urgent                    +  +  x  x  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/hold                      +  x  x  +  x  +  x  ?  x  s
POST   /api/v1/runs/{run_id}/release                   +  x  x  +  x  +  x  ?  x  s
POST   /api/v1/runs/{run_id}/replan                    x  x  x  +  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/replay                    x  x  x  +  x  x  x  ?  x  s
GET    /api/v1/runs/{run_id}/replay                    +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/runs/{run_id}/restore                   +  +  x  +  +  +  +  ?  +  s   who reads every system
POST   /api/v1/runs/{run_id}/restore                   +  x  x  x  x  x  x  ?  x  s
GET    /api/v1/runs/{run_id}/replay/differences        +  +  x  +  +  +  +  ?  +  s   who reads every system
POST   /api/v1/runs/{run_id}/embargo                   +  +  +  +  x  +  x  ?  ?  s   named, and may do more than read
POST   /api/v1/runs/{run_id}/end                       +  x  x  x  x  x  x  ?  x  s
GET    /api/v1/runs/{run_id}/erasure                   +  +  +  +  +  +  +  ?  +  s
POST   /api/v1/runs/{run_id}/erasure                   +  x  x  x  +  +  x  ?  x  s
POST   /api/v1/runs/{run_id}/legal-holds               +  x  x  x  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/legal-holds/lift          +  x  x  x  x  x  x  ?  x  s   another person placed it
# Deciding, doing, settling.
POST   /api/v1/runs/{run_id}/gates/{gate_id}/decision  x  +  x  x  x  x  x  ?  x  s
POST   /api/v1/decisions                               x  +  x  x  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/tasks/{task_id}/files     x  x  x  +  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/tasks/{task_id}/completion             x  x  x  +  x  x  x  ?  x  s
GET    /api/v1/runs/{run_id}/exceptions/{exception_id}              +  +  +  +  +  +  +  ?  +  s
POST   /api/v1/runs/{run_id}/exceptions/{exception_id}/acceptance   x  x  x  x  x  +  x  ?  x  s
POST   /api/v1/runs/{run_id}/exceptions/{exception_id}/waiver       -  x  x  x  x  x  x  ?  x  s   HR waives
POST   /api/v1/runs/{run_id}/exceptions/{exception_id}/assignment   x  x  x  +  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/exceptions/{exception_id}/snooze       x  x  x  +  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/exceptions/{exception_id}/comments     +  +  +  +  +  +  +  ?  x  s
POST   /api/v1/runs/{run_id}/exceptions/{exception_id}/decider      -  -  -  -  -  -  -  ?  x  s   enough people
POST   /api/v1/runs/{run_id}/systems/{system}/accounts x  x  x  +  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/steps/{step}/retry        x  x  x  +  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/steps/{step}/skip         x  x  x  +  x  x  x  ?  x  s
POST   /api/v1/runs/{run_id}/steps/{step}/done-by-hand x  x  x  +  x  x  x  ?  x  s   no step has failed
POST   /api/v1/runs/{run_id}/differences/{about}/judgement  -  x  x  -  -  -  x  ?  x  s   the run is no dry run
GET    /api/v1/systems/{system}/parked-steps           +  +  +  +  +  +  +  +  +  s
POST   /api/v1/systems/{system}/parked-steps/retry     x  x  x  +  x  x  x  ?  x  s   no step has failed
# What governs and surrounds runs.
GET    /api/v1/packets                                 +  +  +  +  +  +  +  +  +  s
GET    /api/v1/packets/{name}                          +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/packets/{name}/versions/{version}       +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/packets/{name}/versions/{version}/record          +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/packets/{name}/versions/{version}/shadow          +  +  +  +  +  +  +  ?  +  s
GET    /api/v1/packets/{name}/versions/{version}/changes         +  +  +  +  +  +  +  ?  +  s
POST   /api/v1/packets                                 x  x  x  x  +  +  x  x  x  s
POST   /api/v1/packets/{name}/versions/{version}/signatures         x  x  ?  x  +  +  x  ?  x  s
POST   /api/v1/packets/{name}/versions/{version}/moves x  x  ?  x  +  +  x  ?  x  s
POST   /api/v1/packets/{name}/versions/{version}/objections     x  x  ?  x  +  +  x  ?  x  s
POST   /api/v1/packets/{name}/versions/{version}/objections/{objection}/withdrawal  x  x  ?  x  +  x  x  ?  x  s
GET    /api/v1/batches                                 +  +  +  +  +  +  +  +  +  s
POST   /api/v1/batches                                 +  +  +  +  x  +  x  -  x  s
GET    /api/v1/batches/{batch_id}                      ?  ?  ?  ?  ?  ?  ?  ?  ?  s
POST   /api/v1/batches/{batch_id}/start                ?  ?  ?  ?  ?  ?  ?  ?  ?  s
POST   /api/v1/batches/{batch_id}/confirmation         ?  ?  ?  ?  ?  ?  ?  ?  ?  s
POST   /api/v1/batches/{batch_id}/hold                 ?  ?  ?  ?  ?  ?  ?  ?  ?  s
POST   /api/v1/batches/{batch_id}/resume               ?  ?  ?  ?  ?  ?  ?  ?  ?  s
POST   /api/v1/batches/{batch_id}/cancellation         ?  ?  ?  ?  ?  ?  ?  ?  ?  s
GET    /api/v1/starts                                  +  +  +  +  +  +  +  +  +  s
POST   /api/v1/starts/limits/{trip_id}/release         ?  ?  ?  ?  ?  ?  ?  ?  x  s
POST   /api/v1/starts/held/{held_id}/confirmation      ?  ?  ?  ?  ?  ?  ?  ?  x  s
GET    /api/v1/systems                                 +  +  +  +  +  +  +  -  +  s
POST   /api/v1/systems/check                           x  x  x  +  x  +  x  -  x  s
POST   /api/v1/systems/{system}/hold                   x  x  x  +  x  +  x  -  x  s
POST   /api/v1/systems/{system}/release                x  x  x  +  x  +  x  -  x  s
GET    /api/v1/checklist                               +  +  +  +  +  +  +  x  +  s
POST   /api/v1/systems/{system}/test                   x  x  x  +  x  +  x  -  x  s
POST   /api/v1/systems/{system}/orphans                +  +  x  +  +  +  +  -  x  s   the packet grants finance nothing
GET    /api/v1/systems/{system}/test                   x  x  x  ?  x  ?  x  -  x  s   never tested
GET    /api/v1/ledger                                  +  +  +  +  +  +  +  +  +  s
GET    /api/v1/ledger/findings                         +  +  +  +  +  +  +  x  +  s
POST   /api/v1/ledger/comparisons                      +  +  +  +  +  +  +  x  x  s
GET    /api/v1/ledger/history                          +  +  +  +  +  +  +  +  +  s
POST   /api/v1/ledger/verifications                    +  +  +  +  +  +  +  x  +  s
GET    /api/v1/ledger/verifications/last               +  +  +  +  +  +  +  +  +  s
GET    /api/v1/outcomes                                +  +  +  +  +  +  +  +  +  s
# One's own affairs, and programs.
GET    /api/v1/staff                                   +  +  +  +  +  +  +  +  +  s
GET    /api/v1/delegations                             +  +  +  +  +  +  +  +  +  s
POST   /api/v1/delegations                             +  +  +  +  +  +  +  +  x  s
POST   /api/v1/delegations/{delegation_id}/end         +  ?  ?  +  ?  ?  ?  ?  x  s   hr's, to operator
GET    /api/v1/tokens                                  +  +  +  +  +  +  +  +  +  s
POST   /api/v1/tokens                                  x  x  x  x  x  +  x  x  x  s
POST   /api/v1/tokens/{token_id}/owners                x  x  x  x  x  +  x  x  x  s
DELETE /api/v1/tokens/{token_id}                       ?  ?  ?  ?  ?  +  ?  ?  x  s
GET    /api/v1/assistants                              +  +  +  +  +  +  +  +  +  s
GET    /api/v1/assistants/{actor_id}/calls             ?  ?  ?  ?  ?  ?  ?  ?  ?  s   there is none
POST   /api/v1/assistants/stop                         x  x  x  x  +  +  x  x  x  s
POST   /api/v1/assistants/resume                       x  x  x  x  x  +  x  x  x  s
POST   /api/v1/assistants/{actor_id}/stop              x  x  x  x  ?  ?  x  x  x  s   there is none
POST   /api/v1/assistants/{actor_id}/resume            x  x  x  x  x  ?  x  x  x  s   there is none
POST   /api/v1/staff/{actor_id}/roles/revoke           x  x  x  x  x  +  x  x  x  s
GET    /api/v1/sessions                                x  x  x  x  x  +  x  x  x  s
POST   /api/v1/staff/{actor_id}/sessions/end           x  x  x  x  x  +  x  x  x  s
GET    /api/v1/webhooks                                x  x  x  x  x  +  x  x  x  s
POST   /api/v1/webhooks                                x  x  x  x  x  +  x  x  x  s
POST   /api/v1/webhooks/{hook_id}/secret               x  x  x  x  x  +  x  x  x  s
DELETE /api/v1/webhooks/{hook_id}                      x  x  x  x  x  +  x  x  x  s
"""


@dataclass(frozen=True, slots=True)
class RouteRow:
    """`expected` by who."""

    method: str
    path: str
    expected: dict[str, str]

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def of_a_run(self) -> bool:
        return "{run_id}" in self.path


def rows() -> list[RouteRow]:
    found = []
    for line in (ANYBODY + PAGES + API).splitlines():
        words = line.split()
        if words and words[0] != "#":
            marks = words[2 : 2 + len(WHO)]
            assert len(marks) == len(WHO) and set(marks) <= set("+x?s-"), line
            found.append(RouteRow(words[0], words[1], dict(zip(WHO, marks, strict=True))))
    return found


def each_outcome_once() -> dict[str, list[str]]:
    """Route -> one account for each outcome of its row: the one that was asked at the smallest part of the routes where
    it has this outcome. Also the first account that may: in the whole table it changes what the others find."""
    found = rows()
    pairs = Counter((row.expected[who], who) for row in found for who in WHO)
    asked: Counter[tuple[str, str]] = Counter()
    by_route: dict[str, list[str]] = {}
    for row in found:
        chosen: dict[str, str] = {}
        for outcome, who in sorted(
            ((row.expected[who], who) for who in WHO), key=lambda one: (asked[one] / pairs[one], pairs[one])
        ):
            chosen.setdefault(outcome, who)
        asked.update(chosen.items())
        first = [who for who in WHO if row.expected[who] == "+"][:1]
        by_route[row.route] = list(dict.fromkeys([*first, *chosen.values()]))
    return by_route
