"""A live node watched for long: the containers of other clients as trials. It only reads.

``observe.write_tables``, which makes the tables at the end, needs pandas and is a module of its
own: whoever watches for a month does without.
"""

from iluvatar_bench.observe.latent import LatentDamage
from iluvatar_bench.observe.observer import Listeners, observe
from iluvatar_bench.observe.settings import ObserveSettings

__all__ = ["LatentDamage", "Listeners", "ObserveSettings", "observe"]
