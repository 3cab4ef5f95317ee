"""A reliability plot: stated confidence against the share of right answers.

    python benchmarks/caption_accuracy.py --split report --json runs/report.json
    python benchmarks/reliability.py runs/report.json --out docs/reliability.svg

Bars: answers in bins of equal count, with their Wilson 95% interval; the diagonal is honesty. Prints the
expected calibration error (Guo et al. 2017, equation 3, over the same bins).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from animatrix.evaluate.intervals import wilson

SIDE, EDGE = 420, 54


def binned(rows: list[dict], bins: int) -> list[tuple[float, float, float, float, int]]:
    """(mean confidence, share right, low, high, count) of equally filled bins."""
    answers = sorted(
        (row["confidence"], row["outcome"] == "right") for row in rows if row["outcome"] in ("right", "wrong")
    )
    found = []
    for k in range(bins):
        part = answers[len(answers) * k // bins : len(answers) * (k + 1) // bins]
        if part:
            right = sum(good for _, good in part)
            mean = sum(confidence for confidence, _ in part) / len(part)
            found.append((mean, right / len(part), *wilson(right, len(part)), len(part)))
    return found


def plot(points: list[tuple[float, float, float, float, int]], title: str, low: float = 0.4) -> str:
    def x(value: float) -> float:
        return EDGE + (SIDE - 2 * EDGE) * (value - low) / (1 - low)

    def y(value: float) -> float:
        return SIDE - EDGE - (SIDE - 2 * EDGE) * (max(value, low) - low) / (1 - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" font-family="sans-serif" '
        f'font-size="11"><rect width="{SIDE}" height="{SIDE}" fill="#fffdf8"/>',
        f'<text x="{EDGE}" y="26" font-size="13">{title}</text>',
        f'<line x1="{x(low)}" y1="{y(low)}" x2="{x(1)}" y2="{y(1)}" '
        'stroke="#b9b3a6" stroke-dasharray="4 4"/>',
    ]
    for k in range(int(low * 10), 11):
        value = k / 10
        parts.append(f'<text x="{x(value)}" y="{SIDE - EDGE + 16}" text-anchor="middle">{value:.1f}</text>')
        parts.append(f'<text x="{EDGE - 8}" y="{y(value) + 4}" text-anchor="end">{value:.1f}</text>')
        parts.append(
            f'<line x1="{EDGE}" x2="{SIDE - EDGE}" y1="{y(value)}" y2="{y(value)}" stroke="#ece8dd"/>'
        )
    for mean, share, under, over, count in points:
        parts.append(
            f'<line x1="{x(mean)}" x2="{x(mean)}" y1="{y(under)}" y2="{y(over)}" stroke="#3a7d63"/>'
            f'<circle cx="{x(mean)}" cy="{y(share)}" r="4" fill="#3a7d63">'
            f"<title>{count} answers</title></circle>"
        )
    parts.append(
        f'<text x="{SIDE / 2}" y="{SIDE - 12}" text-anchor="middle">stated confidence</text>'
        f'<text x="14" y="{SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {SIDE / 2})">share right</text></svg>'
    )
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outcomes", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("docs/reliability.svg"))
    parser.add_argument("--bins", type=int, default=8)
    options = parser.parse_args()
    rows = [row for file in options.outcomes for row in json.loads(file.read_text())]
    points = binned(rows, options.bins)
    total = sum(count for *_, count in points)
    error = sum(count * abs(mean - share) for mean, share, _, _, count in points) / total
    options.out.write_text(plot(points, f"{total} answers, expected calibration error {error:.3f}"))
    print(json.dumps({"answers": total, "expected_calibration_error": round(error, 4)}))


if __name__ == "__main__":
    main()
