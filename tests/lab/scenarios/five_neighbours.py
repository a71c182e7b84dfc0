"""The main job, all at once: what `./dev demo` shows."""

from x2lab import demo

NAME = "five-neighbours"
ABOUT = "Five neighbours of a HeNB: certificate, enrolment then certificate, PSK, trusted wire, blocked; each as the capture shows it."
REQUIREMENTS = ("R1", "R2", "R4", "R5", "R6", "R11", "R16", "R25", "R43")
TAGS = ("quick",)
NODES = demo.NODES
TIMEOUT = 600


def run(scene, story):
    rows, _ = demo.play(scene, story)
    for row in rows:
        seen = f"{row['decision']} by rule {row['rule']}, {row['state']}, up after {row['seconds_to_up']} s, capture {row['capture']}"
        story.step(f"{row['neighbour']} is treated as decided", seen, row["ok"])
