"""A plot as SVG: a group of bars for each operation, each group to its own scale."""

from html import escape

WIDTH, BAR, GAP, LABEL, VALUE = 860, 18, 34, 250, 90
COLOURS = {"limit": "#9aa0a6", "whistled": "#1a73e8", "ungrouped": "#8ab4f8", "limit_json": "#bdc1c6", "limit_grouped": "#80868b"}
PEER = "#e8a33d"


def bars(titles: dict[str, str], results: dict, names: dict[str, str]) -> str:
    y, out = 24, []
    for operation, title in titles.items():
        rows = [(name, by[operation]["rate"]) for name, by in results.items() if operation in by]
        most = max((rate for _, rate in rows), default=1)
        out.append(f'<text x="0" y="{y}" font-weight="bold">{escape(title)}</text>')
        y += 10
        for name, rate in rows:
            width = (WIDTH - LABEL - VALUE) * rate / most
            out.append(f'<text x="{LABEL - 8}" y="{y + BAR - 5}" text-anchor="end">{escape(names.get(name, name))}</text>')
            out.append(f'<rect x="{LABEL}" y="{y + 1}" width="{width:.1f}" height="{BAR - 3}" fill="{COLOURS.get(name, PEER)}"/>')
            out.append(f'<text x="{LABEL + width + 6:.1f}" y="{y + BAR - 5}">{rate:,.0f}</text>')
            y += BAR
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>\n' + "\n".join(out) + "\n</svg>\n")
