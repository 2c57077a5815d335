"""Tables of an observed node: rates by client and time, who ended whom, what lies about, costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from iluvatar_bench.stats import rate

KILL_COLUMNS = (
    "at",
    "signal",
    "mechanism",
    "sender",
    "sender_client",
    "container",
    "client",
    "trial",
)


def client_rates(trials: pd.DataFrame, *, every: str = "h") -> pd.DataFrame:
    """How often each client's containers failed, in each stretch of time.

    ``every`` is a length as pandas writes it; a trial counts where it began. Columns: ``client``,
    ``begins`` (UTC), ``trials``, ``failed``, ``unknown``, ``rate``, ``low``, ``high`` (Wilson's
    interval of 95 %, of all trials of the stretch).
    """
    begins = trials["submitted_at"].dt.floor(every)
    rows = []
    for (client, when), mine in trials.groupby([trials["client"], begins]):
        failed, lost = (int(mine["outcome"].eq(name).sum()) for name in ("failed", "unknown"))
        found = rate(failed, len(mine))
        counts = {"trials": len(mine), "failed": failed, "unknown": lost}
        interval = {"rate": found.estimate, "low": found.low, "high": found.high}
        rows.append({"client": client, "begins": when, **counts, **interval})
    columns = ["client", "begins", "trials", "failed", "unknown", "rate", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def causes(trials: pd.DataFrame) -> pd.DataFrame:
    """Failures by client, class and mechanism: ``failures``, and how many are ``proven``."""
    failed = trials[trials["outcome"].eq("failed")]
    proven = failed["evidence"].map(lambda text: bool(_read(text).get("proven")))
    by = ["client", "bug_class", "mechanism"]
    counted = failed.assign(proven=proven).groupby(by, dropna=False)["proven"].agg(["size", "sum"])
    return (
        counted.rename(columns={"size": "failures", "sum": "proven"})
        .sort_values("failures", ascending=False)
        .reset_index()
    )


def kills(trials: pd.DataFrame) -> pd.DataFrame:
    """Who ended whom: a row for each container that a signal ended which it had not been meant for.

    Columns :data:`KILL_COLUMNS`. ``sender`` is the container whose runtime sent the signal, else
    the process, else "the kernel"; ``sender_client`` is that container's client where it was
    observed too. Rests on the kernel's record: without a witness there is no row.
    """
    clients = dict(zip(trials["container_id"], trials["client"], strict=True))
    rows = []
    for trial in trials[trials["outcome"].eq("failed")].to_dict("records"):
        fact = _last_signal(_read(trial["evidence"]))
        if fact is None:
            continue
        namespace = str(trial["container_id"]).rpartition("/")[0]
        other = fact.get("sender_container")
        sender = f"{namespace}/{other}" if other else _process(fact)
        row = (
            pd.Timestamp(fact["at"], unit="s", tz="UTC"),
            fact["signal"],
            trial["mechanism"],
            sender,
            clients.get(sender),
            trial["container_id"],
            trial["client"],
            trial["trial"],
        )
        rows.append(row)
    return pd.DataFrame(rows, columns=list(KILL_COLUMNS)).sort_values("at", ignore_index=True)


def unnoticed(trials: pd.DataFrame) -> pd.DataFrame:
    """Containers that lost their snapshot while they ran, by client, and what came of them.

    Columns: ``client``, ``lost``, ``ended_ok`` (nobody noticed), ``failed``.
    """
    latent = trials["evidence"].map(lambda text: _read(text).get("latent")).notna()
    mine = trials[latent]
    rows = [
        {
            "client": client,
            "lost": len(group),
            "ended_ok": int(group["outcome"].eq("ok").sum()),
            "failed": int(group["outcome"].eq("failed").sum()),
        }
        for client, group in mine.groupby("client")
    ]
    return pd.DataFrame(rows, columns=["client", "lost", "ended_ok", "failed"])


def observer_costs(health: pd.DataFrame) -> pd.DataFrame:
    """What the observation itself took, from its looks: one row.

    Columns: ``looks``, ``hours``, ``cores`` (processor time over time, in the looks' own sessions),
    ``median_mib``, ``most_mib`` and ``most_containers`` at a time.
    """
    seconds = health["at"].diff().dt.total_seconds()
    spent = health["cpu_seconds"].diff()
    # A new session begins to count anew.
    within = spent.ge(0) & seconds.gt(0)
    mib = health["rss_bytes"].astype("float64") / 2**20
    row = {
        "looks": len(health),
        "hours": seconds[within].sum() / 3600,
        "cores": spent[within].sum() / seconds[within].sum() if within.any() else float("nan"),
        "median_mib": mib.median(),
        "most_mib": mib.max(),
        "most_containers": health["containers"].max() if len(health) else 0,
    }
    return pd.DataFrame([row])


def _last_signal(evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last signal that reached its process, and can have ended it."""
    ended = evidence.get("exited_at")
    signals: list[dict[str, Any]] = [
        fact
        for fact in evidence.get("signals") or ()
        if fact.get("delivered")
        and fact.get("pid") == evidence.get("pid")
        and (ended is None or fact["at"] <= ended + 0.1)
    ]
    status = evidence.get("exit_status")
    if not signals or status is None or status <= 128:
        return None
    return max(signals, key=lambda fact: float(fact["at"]))


def _process(fact: Mapping[str, Any]) -> str:
    if fact.get("sender_kind") == "kernel":
        return "the kernel"
    return f"{fact.get('sender_command') or 'process'} {fact['sender_pid']}"


def _read(text: Any) -> Mapping[str, Any]:
    found = json.loads(text) if isinstance(text, str) and text else {}
    return found if isinstance(found, dict) else {}
