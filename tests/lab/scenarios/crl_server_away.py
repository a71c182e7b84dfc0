"""The server of the revocation lists is away: nothing happens but alarms until the grace is over, then links are shut."""

import time

from x2lab import moves, policy, process, revocation

NAME = "crl-server-away"
ABOUT = "No newer list comes: a link stays up through the grace, with alarms; it is BLOCKED after it, and back with the server."
REQUIREMENTS = ("R41",)
TAGS = ("revocation",)
NODES = ("a", "b", "ca")
TIMEOUT = 600
BACKHAUL = "passes"  # pluto is restarted to ask x2sec-ocspd
HOLDS, GRACE = 30, 45  # seconds


def run(scene, story):
    lists = revocation.Lists(scene, scene.material.vendors[1], next_update=HOLDS).start()
    site = revocation.site(scene, story, "ab", lists)
    grace = {"mode": "GRACE", "grace": f"{GRACE}s"}
    site.push([policy.certificates("ab")], revocation_default=grace).introduce("a", "b")
    link = site.wait_up("a", "b", 120)
    story.step("a–b is up by certificates", link["state"], link["state"] == "UP_CERT")
    begun = time.time()
    lists.stop()
    process.until(
        "a says that its news is stale",
        lambda: revocation.events(site["a"].daemon, "revocation.news_stale"),
        HOLDS + 60,
        every=0.5,
    )
    stale = revocation.events(site["a"].daemon, "revocation.news_stale")[0]
    story.step("an alarm says how long is left", stale[-160:], "level=alarm" in stale and "left_s=" in stale)
    news = revocation.finding(site["a"], "revocation.news")
    story.step("so does doctor", news["detail"], not news["ok"])
    story.step("the link is up in the grace", site["a"].state("b"), site["a"].state("b") == "UP_CERT")
    moves.traffic_passes(scene, story, "traffic in the grace")
    process.until(
        "a blocks b", lambda: site["a"].link("b")["state"] == "BLOCKED", HOLDS + GRACE + 60, every=0.5
    )
    link = site["a"].link("b")
    story.step("after it the link is BLOCKED", link["reason"], "revocation news is too old" in link["reason"])
    story.step("the backhaul can still be authenticated, for the news to come", "", scene.backhaul_passes("a"))
    lists.start()
    link = site.wait_up("a", "b", 120)
    story.step("the server is back, and so is the link", link["state"], link["state"] == "UP_CERT")
    moves.traffic_passes(scene, story, "traffic afterwards")
    moves.nothing_clear(scene, story, "nothing in clear meanwhile", after=begun)
