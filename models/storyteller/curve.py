"""Draws log.json as curve.svg: `python3 curve.py`, in this folder."""
import json
import math
import pathlib

LEFT, TOP, WIDTH, HEIGHT = 52, 16, 560, 280
LOW, HIGH = 0.8, 1.8  # bits per byte
COLOURS = {"deep": "#8a8a8a", "middle": "#5b8def", "wide": "#d98c2b", "storyteller": "#1a4fb4", "training": "#b4431a"}


def main():
    here = pathlib.Path(__file__).parent
    log = json.loads((here / "log.json").read_text())
    epochs = max(point["epoch"] for run in log["runs"] for point in run["curve"])
    bits_per_nat = log["held_out_tokens"] / log["held_out_bytes"] / math.log(2)  # nats a token -> bits a byte

    def x(epoch): return LEFT + WIDTH * epoch / epochs
    def y(bits): return TOP + HEIGHT * (HIGH - bits) / (HIGH - LOW)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {TOP + HEIGHT + 44}" '
           'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']

    def text(at_x, at_y, words, anchor="middle", colour="black"):
        out.append(f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>')

    def line(points, colour, dashed=False):
        places = " ".join(f"{x(e):.1f},{y(b):.1f}" for e, b in points if b <= HIGH)
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        out.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>')

    for tenth in range(round(LOW * 10), round(HIGH * 10) + 1, 2):
        out.append(f'<path d="M{LEFT} {y(tenth / 10):.1f}h{WIDTH}" stroke="#ddd"/>')
        text(LEFT - 6, y(tenth / 10) + 4, f"{tenth / 10:.1f}", "end")
    for epoch in range(0, round(epochs) + 1, 10):
        text(x(epoch), TOP + HEIGHT + 16, str(epoch))
    text(LEFT + WIDTH / 2, TOP + HEIGHT + 36, "epochs")
    text(LEFT + 40, TOP + 12, "bits per byte", "start")

    for run in log["runs"]:
        line([(p["epoch"], p["held_out_bits_per_byte"]) for p in run["curve"]], COLOURS[run["name"]])
    last = log["runs"][-1]["curve"]
    line([(p["epoch"], p["training_nats_per_token"] * bits_per_nat) for p in last], COLOURS["training"], dashed=True)
    names = {**{run["name"]: f"{run['name']}, held out: {run['best_held_out_bits_per_byte']:.3f}" for run in log["runs"]},
             "training": "storyteller, training text (with dropout)"}
    for place, (name, words) in enumerate(names.items()):
        text(LEFT + WIDTH - 8, TOP + 24 + 16 * place, words, "end", COLOURS[name])
    out.append("</svg>")
    (here / "curve.svg").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
