"""The example's report page: alone against together, and who saw what."""

from html import escape

style = """
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}
.bar{display:grid;grid-template-columns:9rem 1fr 4.5rem;gap:.6rem;align-items:center;margin:.2rem 0}
.bar span.track{background:#eee;height:1.1rem;display:block}
.bar span.fill{background:#9db4c8;height:100%;display:block}
.bar.together span.fill{background:#1f6f54}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem .3rem 0;
border-bottom:1px solid #ddd;vertical-align:top}
"""


def bar(name, share, kind=""):
    return (f'<div class="bar {kind}"><span>{escape(name)}</span><span class="track"><span '
            f'class="fill" style="width:{100 * share:.1f}%"></span></span>'
            f"<span>{100 * share:.1f} %</span></div>")


def table(rows, head=None):
    text = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
                   for row in rows)
    if head:
        text = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>" + text
    return f"<table>{text}</table>"


def write_page(path, figures):
    alone = figures["alone_test_accuracy"]
    bars = [bar(f"hospital {i + 1} alone", share) for i, share in enumerate(alone)]
    bars.append(bar("together", figures["pooled_test_accuracy"], "together"))
    bars.append(bar("in the clear", figures["simulated_test_accuracy"]))
    published = ", ".join(figures["published_sums"])
    covariance = any("products" in name for name in figures["published_sums"])
    solved = ("; with the published covariance, each class's mean and number of rows, up to the noise"
              if covariance else "")
    saw = table([
        ["a hospital", "its own rows; the sums that the charter publishes: " + published,
         "another's rows, sums or statistics; the key; the model"],
        ["a key holder", "a point of the joint secret, which says nothing without "
         f"{figures['threshold'] - 1} others", "what it answers for: it recomputes ciphertexts"],
        ["the server", "ciphertexts, joint keys, masked numbers, and their sums",
         "anything else: it links no code that can hold a share"],
        ["the recipient", "the released model, with noise" + solved,
         "rows, any hospital's own statistics, the exact model"],
    ], ["who", "saw", "did not see"])
    numbers = table([
        ["hospitals, and how many open", f"{figures['members']}, {figures['threshold']}"],
        ["rows each", figures["rows_each"]],
        ["columns, iterations", f"{figures['columns']} ({figures['preparation']}), "
                                f"{figures['iterations']}"],
        ["ring", f"N = 2^{figures['log_n']}, log2(QP) = {figures['log_qp']:.0f}, "
                 f"{figures['security_bits']:.0f} bits of security"],
        ["release", f"kappa = {figures['kappa']:g}, a statistical distance of 2^-"
                    f"{figures['statistical_bits']:.1f}; planned for "
                    f"{figures['release_bits']:.1f} bits of the largest weight"],
        ["largest weight, largest error of one", f"{figures['max_abs_weight']:.3g}, "
                                                 f"{figures['max_abs_weight_error']:.2g}"],
        ["a dealer's keys, a contributor's statistics",
         f"{figures['dealer_upload_bytes'] / 1e6:.0f} MB, "
         f"{figures['contributor_upload_bytes'] / 1e6:.1f} MB"],
        *[[name, f"{seconds:.1f} s"] for name, seconds in figures["phase_seconds"].items()],
        ["all", f"{figures['total_seconds']:.0f} s"],
        ["how the parties were kept apart", figures["walls"]],
    ])
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Several hospitals</title>'
        f"<style>{style}</style><h1>Several hospitals, one model</h1>"
        f"<p>{figures['members']} hospitals with {figures['rows_each']} rows each. Accuracy on "
        f"{figures['test_rows']} rows that nobody trained on.</p>{''.join(bars)}"
        f"<h2>Who saw what</h2>{saw}<h2>Figures</h2>{numbers}</html>\n")
