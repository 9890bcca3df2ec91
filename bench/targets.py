"""What a record says of a target."""

from bench.measuring import spread
from bench.measuring.spread import Spread
from bench.workload import Figure, Record, Target


def measured(target: Target, record: Record) -> Spread | None:
    """The target's figure in `record`, as a multiple where it names a reference; None where no run counts."""
    if target.reference:
        return ratio(record, target.case, target.reference, target.figure)
    figures = list(record.figures(target.case, target.figure.name).values())
    return spread.of(figures) if figures else None


def ratio(record: Record, case: str, reference: str, figure: Figure) -> Spread | None:
    """`case`'s figure over `reference`'s, of the rounds in which both count."""
    ours, theirs = record.figures(case, figure.name), record.figures(reference, figure.name)
    rounds = sorted(ours.keys() & theirs.keys())
    if not rounds:
        return None
    return spread.of_ratios([ours[each] for each in rounds], [theirs[each] for each in rounds])
