"""Verdicts: the right factor is named, masking does not acquit or convict, errors are kept."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import scipy

from iluvatar_bench.bugs import BugClass, Mechanism
from iluvatar_bench.stats import (
    ClassVerdict,
    EffectVerdict,
    at_risk,
    class_effects,
    class_verdicts,
    factor_effects,
)
from iluvatar_bench.stats.removed_share import events_to_see

FACTORS = {"snapshot_reference": ("lease", "none"), "cgroup": ("own", "shared")}
CLASSES = (
    BugClass.SNAPSHOT_OVERLAY,
    BugClass.MISSING_PACKAGES,
    BugClass.PROCESS_DIED,
    BugClass.SILENT_STARTUP,
)


def simulated(
    random: np.random.Generator,
    *,
    blocks: int = 30,
    repeats: int = 2,
    overlay: float = 0.0,
    missing: float = 0.0,
    silent: float = 0.0,
    died: float = 0.0,
    drift: float = 1.0,
) -> pd.DataFrame:
    """Containers that pass mount, start-up and life; each step fails at its hazard.

    The first two hazards are those of ``none``, the others those of ``shared``; all are multiplied
    by ``drift`` in the second half of the blocks.
    """
    rows = []
    for block in range(blocks):
        scale = drift if block >= blocks / 2 else 1.0
        for reference in FACTORS["snapshot_reference"]:
            for cgroup in FACTORS["cgroup"]:
                for _ in range(repeats):
                    collected = scale * (reference == "none")
                    killed = scale * (cgroup == "shared")
                    row = {"block": block, "snapshot_reference": reference, "cgroup": cgroup}
                    row |= _life(random, collected, killed, (overlay, missing, silent, died))
                    rows.append(row)
    return pd.DataFrame(rows).astype({"bug_class": object, "mechanism": object})


def _life(
    random: np.random.Generator,
    collected: float,
    killed: float,
    hazards: tuple[float, float, float, float],
) -> dict[str, object]:
    overlay, missing, silent, died = hazards
    snapshot, kill = str(Mechanism.SNAPSHOT_COLLECTED), str(Mechanism.COLLATERAL_KILL)
    failed = {"outcome": "failed", "task_create_ms": np.nan, "ready_ms": np.nan}
    if random.random() < collected * overlay:
        return {**failed, "bug_class": "snapshot_overlay", "mechanism": snapshot}
    failed["task_create_ms"] = 30.0
    # A Kill and a missing module compete: whichever comes first hides the other.
    kill_at, miss_at = random.random(), random.random()
    is_killed, is_missing = kill_at < killed * silent, miss_at < collected * missing
    if is_killed and not (is_missing and miss_at < kill_at):
        return {**failed, "bug_class": "silent_startup", "mechanism": kill}
    if is_missing:
        return {**failed, "bug_class": "missing_packages", "mechanism": snapshot}
    failed["ready_ms"] = 200.0
    if random.random() < killed * died:
        return {**failed, "bug_class": "process_died", "mechanism": kill}
    return {**failed, "outcome": "ok", "bug_class": None, "mechanism": None}


def judged(trials: pd.DataFrame, alpha: float = 0.05) -> dict[BugClass, ClassVerdict]:
    effects = class_effects(trials, factors=FACTORS, blocks=("block",), alpha=alpha)
    return {found.bug_class: found for found in class_verdicts(trials, effects, classes=CLASSES)}


def test_each_class_is_laid_at_the_door_of_its_own_factor() -> None:
    trials = simulated(
        np.random.default_rng(1),
        blocks=70,
        overlay=0.2,
        missing=0.35,
        silent=0.25,
        died=0.5,
        drift=1.5,
    )
    found = judged(trials, alpha=0.01)
    for name, factor, mechanism in (
        (BugClass.SNAPSHOT_OVERLAY, "snapshot_reference", "snapshot_collected"),
        (BugClass.MISSING_PACKAGES, "snapshot_reference", "snapshot_collected"),
        (BugClass.PROCESS_DIED, "cgroup", "collateral_kill"),
        (BugClass.SILENT_STARTUP, "cgroup", "collateral_kill"),
    ):
        (cause,) = found[name].causes
        assert cause.factor == factor
        assert cause.reference_count == 0
        assert cause.share_removed == 1
        assert cause.events == found[name].count
        assert 0.9 <= cause.removed_at_least < 1
        assert cause.p_holm < 0.01
        assert found[name].contributions == ()
        assert found[name].mechanisms == {mechanism: found[name].count}


def test_the_sentence_says_factor_counts_p_and_evidence() -> None:
    found = judged(simulated(np.random.default_rng(2), missing=0.4))[BugClass.MISSING_PACKAGES]
    (cause,) = found.causes
    assert found.sentence == (
        f"missing_packages is caused by snapshot_reference=none ({found.count}/"
        f"{cause.level_trials} against 0/{cause.reference_trials} with lease; "
        f"p = {cause.p_holm:.0e}; lease removes at least "
        f"{math.floor(100 * cause.removed_at_least)} %: {found.count} events against 0); "
        f"evidence: snapshot_collected in {found.count} of {found.count} failures"
    )


def with_kills(trials: pd.DataFrame, size: int) -> pd.DataFrame:
    """So many containers of one cell that died, one after the other, by one Kill each time."""
    died = trials["bug_class"] == "process_died"
    cells = trials["snapshot_reference"] + " " + trials["cgroup"]
    kill = cells + " " + (died.groupby(cells).cumsum() // size).astype(str)
    texts = [
        json.dumps(
            {
                "pid": 1,
                "exited_at": 10.0,
                "neighbour_kills": [{"container_id": name, "started_at": 9.0}],
            }
        )
        for name in kill
    ]
    return trials.assign(
        evidence=[text if is_dead else "{}" for text, is_dead in zip(texts, died, strict=True)]
    )


def test_nothing_is_caused_until_the_bound_says_so() -> None:
    """A share of 1 is seen in all three; sixteen containers, or sixteen Kills, bound it at 79 %."""
    verdicts = {}
    for blocks, kills in ((7, 1), (30, 1), (30, 4)):
        trials = simulated(np.random.default_rng(8), blocks=blocks, died=0.6)
        found = judged(with_kills(trials, kills))[BugClass.PROCESS_DIED]
        (cause,) = (*found.causes, *found.contributions)
        assert cause.share_removed == 1
        assert bool(found.causes) == (cause.removed_at_least >= 0.9)
        verdicts[blocks, kills] = (bool(found.causes), cause.events)
    assert verdicts[7, 1][0] is False
    assert verdicts[7, 1][1] < 32
    assert verdicts[30, 1] == (True, verdicts[30, 1][1])
    assert verdicts[30, 4][0] is False
    assert verdicts[30, 4][1] == pytest.approx(verdicts[30, 1][1] / 4, abs=2)


def test_classes_that_never_came_are_said_to_be_rare_not_absent() -> None:
    found = judged(simulated(np.random.default_rng(3), missing=0.4))[BugClass.PROCESS_DIED]
    assert found.sentence.startswith("process_died never came in ")
    assert found.sentence.endswith("%)")
    clean = simulated(np.random.default_rng(3))
    assert len(class_effects(clean, factors=FACTORS, blocks=("block",))) == 0
    assert all(finding.count == 0 for finding in judged(clean).values())


def test_where_nothing_is_shown_it_says_what_could_have_been() -> None:
    """Two died at each level, of 60 a cell: no factor, and of so few events none could be."""
    trials = simulated(np.random.default_rng(3))
    struck = trials.groupby("cgroup").head(2).index
    trials.loc[struck, ["outcome", "bug_class"]] = ["failed", "process_died"]
    needed = events_to_see(0.9, alpha=0.05 / 2)
    assert judged(trials)[BugClass.PROCESS_DIED].sentence == (
        "process_died came 4 times in 240 trials at risk; no factor of this experiment was shown "
        f"to raise it (4 events show none with 90 %; one that makes 90 % of them takes {needed}); "
        "evidence: unknown in 4 of 4 failures"
    )


def test_what_comes_at_both_levels_is_a_contribution_not_a_cause() -> None:
    random = np.random.default_rng(4)
    trials = simulated(random, died=0.8)
    ready = trials["ready_ms"].notna() & trials["bug_class"].isna() & (trials["cgroup"] == "own")
    struck = trials.index[ready][: int(ready.sum()) // 4]
    trials.loc[struck, ["outcome", "bug_class", "mechanism"]] = ["failed", "process_died", None]
    found = judged(trials)[BugClass.PROCESS_DIED]
    assert found.causes == ()
    assert [cause.factor for cause in found.contributions] == ["cgroup"]
    assert "is raised by cgroup=shared" in found.sentence
    assert found.mechanisms["unknown"] == len(struck)


def test_only_trials_that_entered_a_step_are_at_risk_in_it() -> None:
    trials = simulated(np.random.default_rng(5), overlay=0.3, missing=0.3, silent=0.3, died=0.3)
    counts = trials["bug_class"].value_counts()
    assert len(at_risk(trials, BugClass.SNAPSHOT_OVERLAY)) == len(trials)
    mounted = len(trials) - counts["snapshot_overlay"]
    # Both classes of start-up have the same risk set: neither is conditioned on the other.
    for name in (BugClass.MISSING_PACKAGES, BugClass.SILENT_STARTUP):
        assert len(at_risk(trials, name)) == mounted
    ready = mounted - counts["missing_packages"] - counts["silent_startup"]
    assert len(at_risk(trials, BugClass.PROCESS_DIED)) == ready
    with pytest.raises(ValueError, match="no column ready_ms"):
        at_risk(trials.drop(columns="ready_ms"), BugClass.PROCESS_DIED)


def kills_at_random(random: np.random.Generator, *, drift: float) -> pd.DataFrame:
    """No factor matters: a Kill takes all three of a cell in a block, while they start or later.

    Eight blocks; rates are multiplied by ``drift`` in the second half.
    """
    rows = []
    for number in range(8 * 4):
        block, cell = divmod(number, 4)
        scale = drift if block >= 4 else 1.0
        early, late = random.random(2) < scale * np.array((0.15, 0.2))
        for _ in range(3):
            hazards = (0.1 * scale, float(early), 0.15 * scale, float(late))
            collected, killed, missing, died = random.random(4) < hazards
            row = {
                "block": block,
                "snapshot_reference": FACTORS["snapshot_reference"][cell % 2],
                "cgroup": FACTORS["cgroup"][cell // 2],
                "task_create_ms": np.nan if collected else 30.0,
                "ready_ms": np.nan if collected or killed or missing else 200.0,
                "bug_class": (
                    "snapshot_overlay"
                    if collected
                    else "silent_startup"
                    if killed
                    else "missing_packages"
                    if missing
                    else "process_died"
                    if died
                    else None
                ),
            }
            kill = {
                "pid": 1,
                "exited_at": number + 0.5,
                "neighbour_kills": [
                    {"container_id": "n", "started_at": number + 0.4 * bool(killed)}
                ],
            }
            of_a_kill = row["bug_class"] in ("silent_startup", "process_died")
            row |= {
                "outcome": "ok" if row["bug_class"] is None else "failed",
                "mechanism": "collateral_kill" if of_a_kill else None,
                "evidence": json.dumps(kill if of_a_kill else {}),
            }
            rows.append(row)
    return pd.DataFrame(rows).astype({"bug_class": object, "mechanism": object})


def test_false_alarms_stay_below_alpha_under_clusters_and_drift() -> None:
    """Any effect is false. 16 experiments at alpha 0.1: more than 5 have p < 1e-2.

    Whoever takes the containers of one Kill for independent trials has far more: the same trials
    without their evidence.
    """
    random, experiments = np.random.default_rng(6), 16
    alarms = {"by event": 0, "by container": 0}
    for _ in range(experiments):
        trials = kills_at_random(random, drift=3.0)
        for name, seen in (("by event", trials), ("by container", trials.drop(columns="evidence"))):
            effects = class_effects(seen, factors=FACTORS, blocks=("block",), alpha=0.1)
            alarms[name] += (effects["verdict"] != EffectVerdict.NO_EFFECT_SHOWN).any()
    assert alarms["by event"] <= scipy.stats.binom.ppf(0.99, experiments, 0.1)
    assert alarms["by container"] > scipy.stats.binom.ppf(0.99, experiments, 0.1)


def test_the_containers_of_one_kill_are_one_trial_of_the_test() -> None:
    """Twelve containers that four Kills took weigh as four, and are counted as twelve."""
    trials = with_kills(simulated(np.random.default_rng(8), blocks=12, died=0.6), 3)
    effects = class_effects(trials, factors=FACTORS, blocks=("block",))
    alone = class_effects(trials.drop(columns="evidence"), factors=FACTORS, blocks=("block",))
    row, other = (
        table[(table["factor"] == "cgroup") & (table["bug_class"] == "process_died")].iloc[0]
        for table in (effects, alone)
    )
    assert row["level_count"] == other["level_count"] == len(trials[trials["bug_class"].notna()])
    assert row["difference"] == other["difference"]
    first = trials["bug_class"].notna() & ~trials["evidence"].duplicated()
    once = trials.assign(
        outcome=np.where(first, "failed", "ok"), bug_class=trials["bug_class"].where(first, None)
    )
    expected = factor_effects(
        at_risk(once, BugClass.PROCESS_DIED), factors=FACTORS, blocks=("block",)
    )
    expected = expected[expected["bug_class"] == "process_died"].set_index("factor")
    assert row["p_value"] == pytest.approx(expected.loc["cgroup", "p_value"])
    assert row["p_value"] > other["p_value"]


def test_masking_never_convicts_the_wrong_factor() -> None:
    """Real causes at work in every experiment; 50 experiments, alpha 0.05: at most 8 wrong."""
    random = np.random.default_rng(7)
    right = {"snapshot_overlay": "snapshot_reference", "missing_packages": "snapshot_reference"}
    right |= {"process_died": "cgroup", "silent_startup": "cgroup"}
    wrong = 0
    for _ in range(50):
        trials = simulated(random, blocks=20, overlay=0.3, missing=0.5, silent=0.4, died=0.6)
        for finding in judged(trials).values():
            for cause in (*finding.causes, *finding.contributions):
                wrong += cause.factor != right[str(finding.bug_class)]
    assert wrong <= 8
