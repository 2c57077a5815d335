"""Sentences that sound like an error and are said in every orderly life.

What daemons and tools try first or do not have, the kernel's news of what it finds at boot, columns
in which zeros stand. No precise wording knows them: they are left out where only the shape of a
line would make it an error (:mod:`.error_marks`), and cost nothing where a wording decides.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.signatures.literals import prefiltered

_CALM = prefiltered(
    r"""
    ShouldRestart\ failed,\ container\ will\ not\ be\ restarted
  | failed\ to\ retrieve\ (?:runc|docker-init)\ version
  | Pod\ sandbox\ changed,\ it\ will\ be\ killed
  | API\ listen\ on\ |'unix_http_server'\ running\ without
  | :\ Layer\ already\ exists
  | xfs\ filesystem\ is\ formatted\ without\ d_type
  | Cannot\ set\ raw\ mode\ for\ the\ terminal
  | does\ not\ exist\.\ Installing\ it\ now
  | Flag\ --[\w-]{1,60}\ has\ been\ deprecated
  | Supervisor\ is\ running\ as\ root
  | Could\ not\ reliably\ determine\ the\ server's\ fully\ qualified
  | TLS\ handshake\ error\ from\ \S{1,80}:\ EOF
  | errors=remount-ro
  | kernel:\ Command\ line:\ |\]\ Command\ line:[ ]
  | overlayfs:\ (?:upper\ fs\ does\ not\ support|idmapped\ layers\ are)
  | ACPI\ (?:BIOS\ )?Error
  | Queued\ \ Starting\ \ Running\ \ Failed
  | Healthy\ \ Unhealthy\ \ Progress\ Deadline
  | Pods\ Statuses:\ [^\n]{1,80}/\ 0\ Failed
  | node\.kubernetes\.io/[\w-]{1,40}:No(?:Execute|Schedule)\ op=
  | RollingUpdateStrategy:[ ]
  | <missing>\ \ \ \d
  | Not\ all\ (?:Tasks|Steps)\ in\ the\ \w{1,20}\ have\ finished
  | ,\ will\ use\ direct\ boot
  | efi:\ UEFI\ not\ found
  | Resetting\ AnonymousAuth\ to\ false
  | \#\ (?:HELP|TYPE)\ [a-z]\w{1,100}[ ]
    """,
    re.VERBOSE,
)


def is_calm_sentence(line: str) -> bool:
    """Whether a line is one of them."""
    return _CALM.occurs_in(line)
