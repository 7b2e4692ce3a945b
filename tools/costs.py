"""The table of docs/deploy-aws.md: months of Signet on AWS, by the cost model, compared with AWS Private CA."""

from __future__ import annotations

from chalicelib.reports import costs


def table() -> str:
    """Render the table."""
    parts_shown = ("of it runs, alarms", "CA keys", "metrics, events", "requests", "state", "journal", "CRLs")
    columns = ("CAs", "certificates a month", "Signet", *parts_shown, "AWS Private CA")
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join(['---:'] * len(columns))} |"]
    for authorities in (1, 10, 100):
        for certificates in (10_000, 1_000_000):
            month = costs.signet(authorities, certificates)
            shown = " | ".join(f"${cost:,.2f}" for cost in (month.total, *month.parts))
            lines.append(
                f"| {authorities} | {certificates:,} | {shown} | ${costs.private_ca(authorities, certificates):,.2f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
