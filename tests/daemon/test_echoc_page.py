"""The page that echoc path writes: its contents, and its rendering in a real browser."""
import html.parser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from clients import recv_until_eof
from expect import DEADLINE, Skip, expect, expect_equal, expect_match
from harness import Echod, clean_environment
from servers import Server
from tap import main, test
from verbs import finish, popen, run

VOID = ("meta", "rect", "circle", "line", "path")
HOSTILE = "<b onmouseover=alert(1)>&amp; \"it's\" \x1b[31m\u202e</title><script>alert(1)</script>"
LONG = "x" * 100


class Page(html.parser.HTMLParser):
    """What is in a page: its text, the text of each kind of element, and the attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.elements, self.attributes = [], "", {}, []
        self.feed(text)
        self.close()
        expect_equal(self.open, [], "the elements that are not closed")

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, key, value) for key, value in attrs]
        self.elements.setdefault(tag, []).append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        expect_equal(self.open.pop(), tag, "the element that is closed")

    def handle_data(self, data):
        self.text += data
        for tag in set(self.open):
            self.elements[tag][-1] += data


def answers(**more):
    """A whoami service whose report does not match the connection."""
    def serve(conn, number):
        peer, local = conn.getpeername(), conn.getsockname()
        reply = {"listener": "a", "peer": peer[0], "peer_port": peer[1], "local": local[0],
                 "local_port": local[1], "proxy": None}
        conn.sendall(json.dumps(dict(reply, **more)).encode())
        conn.shutdown(socket.SHUT_WR)
        recv_until_eof(conn)
    return serve


# A SYN that everything happened to.
CHANGED = {"peer": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "peer_port": 60001,
           "local": "2001:db8:eeee:eeee:eeee:eeee:eeee:eeee", "syn": "client", "syn_ttl": 250,
           "syn_dscp": 10, "syn_ecn": 2, "syn_ecn_setup": False, "syn_mss": 536,
           "syn_window_scale": None, "syn_sack": False, "syn_timestamps": False,
           "syn_options": "mss," + "nop," * 30 + "eol"}


def page_of(server, *options, status=1):
    """Runs echoc path against SERVER. Returns the run, and the page as text."""
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        name = os.path.join(where, "page.html")
        done = run("path", "--json", "--page", name, "--flows", 3, *options,
                   *server.operands).ended(status)
        with open(name, encoding="utf-8") as file:
            return done, file.read()


def check_contents(done, page):
    expect_equal(page.elements.get("strong", []), [o["text"] for o in done.objects("finding")],
                 "the findings")
    for note in done.objects("note"):
        expect(note["text"] in page.elements["li"][-len(done.objects("note")):],
               "the note: " + note["text"])


@test("the page has every sentence that is printed, and is self-contained")
def contents():
    with Server(answers(**CHANGED)) as server:
        done, text = page_of(server)
    page = Page(text)
    check_contents(done, page)
    found = {o["kind"] for o in done.objects("finding")}
    expect({"nat", "destination_nat", "mss", "sack", "dscp"} <= found, "the findings: %s" % found)
    expect_equal(len([advice for advice in page.elements["p"] if not advice]), 0, "empty paragraphs")
    expect_match("^%d findings: " % len(done.objects("finding")), "\n".join(page.elements["p"]),
                 "the verdict")
    expect("script" not in page.elements, "the page has a script")
    for tag, key, value in page.attributes:
        expect(key not in ("src", "href", "srcset", "data") and not key.startswith("on"),
               "an attribute that refers to another resource: %s" % ((tag, key, value),))
    expect(not re.search(r"url\(|@import|https?:", text), "a style refers to another resource")


@test("the page of a path without findings says so")
def sound():
    with Echod("[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n"
               "[listen tcp]\naddress = 127.0.0.1\nport = 0\n"
               "[listen udp]\naddress = 127.0.0.1\nport = 0\nprotocol = udp\n") as echod:
        with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
            name = os.path.join(where, "page.html")
            done = run("path", "--json", "--page", name, "--flows", 40, "--idle", "200ms",
                       "--echo-port", echod.address("tcp")[1],
                       "--udp-port", echod.address("udp")[1], *echod.address("who")).ended(0)
            with open(name, encoding="utf-8") as file:
                page = Page(file.read())
    check_contents(done, page)
    expect("Nothing was found." in page.text, "the verdict: " + page.text)
    expect_equal(len([t for t in page.elements["title"] if t.startswith("port ")]), 40, "the flows")
    expect_equal(len([t for t in page.elements["title"] if t.endswith(": 6 of 6 answered")]), 40,
                 "flows whose probes were all answered")
    expect("--idle '200ms' 127.0.0.1" in page.elements["code"][0], "the command line is missing")


@test("data from the server is text and never markup")
def hostile():
    with Server(answers(syn=None, syn_missing=HOSTILE)) as server:
        done, text = page_of(server, status=0)
    page = Page(text)
    check_contents(done, page)
    expect("<b onmouseover=alert(1)>&amp; \"it's\" " in page.text, "the text is not shown literally: " + page.text)
    expect("script" not in page.elements and "b" not in page.elements, "data became markup")
    expect(not [c for c in text if ord(c) < 32 and c != "\n"] and "\u202e" not in text,
           "control characters in the page")


@test("an unwritable page file is reported before anything is sent; a failure leaves no page")
def no_page():
    with Server(answers()) as server, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        name = os.path.join(where, "none", "page.html")
        done = run("path", "--page", name, *server.operands).ended(2)
        expect_match("cannot write %s: No such file" % re.escape(name), done.err, "standard error")
        expect_equal(server.connections, [], "the connections")
        done = run("path", "--page", "/dev/full", "--flows", 1, *server.operands).ended(2)
        expect_match("cannot write /dev/full: No space left", done.err, "standard error")
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            name, kept = os.path.join(where, "new"), os.path.join(where, "old")
            with open(kept, "w", encoding="ascii") as file:
                file.write("what was there")
            for file in (name, kept):
                run("path", "--page", file, *unused.getsockname()).ended(1)
        expect_equal(os.listdir(where), ["old"], "the files that are left")
        with open(kept, encoding="ascii") as file:
            expect_equal(file.read(), "what was there", "contents of the kept file")
        run("path", "--page", kept, "--flows", 1, *server.operands).ended(0)
        with open(kept, encoding="utf-8") as file:
            expect("what was there" not in file.read(), "the file was not replaced")


@test("the page of an interrupted examination says so")
def stopped():
    with Echod("[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n"
               "[listen tcp]\naddress = 127.0.0.1\nport = 0\n") as echod, \
            tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        name = os.path.join(where, "page.html")
        process = popen("path", "--page", name, "--flows", 1, "--idle", "%ds" % (2 * DEADLINE),
                        "--echo-port", echod.address("tcp")[1], *echod.address("who"))
        echod.log.wait(" info: session of .* on tcp: ")  # the examination has begun
        process.send_signal(signal.SIGINT)
        finish(process).ended(2)
        with open(name, encoding="utf-8") as file:
            expect("was stopped before its end" in file.read(), "the page does not report the interruption")


# ---- in a browser ----

# Elements that are wider than the window, or whose text is wider than they are; the text that is
# seen; and whether light text stands on a dark page.
MEASURE = """<script>
addEventListener('load', () => {
  const wide = [], all = document.querySelectorAll('body *:not(script)');
  for (const e of all) {
    const r = e.getBoundingClientRect();
    if (r.right > innerWidth + 1 || r.left < -1 ||
        (e instanceof HTMLElement && getComputedStyle(e).display != 'inline' &&
         e.scrollWidth > e.clientWidth + 1))
      wide.push(e.tagName + ' ' + e.textContent.slice(0, 60));
  }
  for (const t of document.querySelectorAll('svg text')) {
    const box = t.getBBox(), view = t.ownerSVGElement.viewBox.baseVal;
    if (box.x < 0 || box.x + box.width > view.width || box.y + box.height > view.height)
      wide.push('text ' + t.textContent);
    for (const r of t.ownerSVGElement.querySelectorAll('rect.box')) {
      const b = r.getBBox();
      if (box.x < b.x + b.width && box.x + box.width > b.x &&
          (box.x < b.x || box.x + box.width > b.x + b.width || box.y + box.height > b.y + b.height))
        wide.push('text across a box: ' + t.textContent);
    }
  }
  const style = getComputedStyle(document.body);
  const out = document.createElement('pre');
  out.id = 'measured';
  out.textContent = JSON.stringify({wide, seen: document.querySelector('main').innerText,
                                    colors: [style.color, style.backgroundColor]});
  document.body.append(out);
});
</script>"""


def browser():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise Skip("no browser is installed (chromium)")
    return found


def browse(where, *options):
    """Runs the browser without a window. Returns what it prints."""
    done = subprocess.run(
        [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-dev-shm-usage", "--user-data-dir=" + os.path.join(where, "profile"),
         *options, "file://" + os.path.join(where, "page.html")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=4 * DEADLINE, env=clean_environment({"HOME": where}), check=False)
    expect_equal(done.returncode, 0, "the browser's status: " + done.stderr.decode())
    return done.stdout.decode()


def measure(text, width, *options):
    """Has the page TEXT shown in a window of WIDTH. Returns what was measured there."""
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        # The page itself allows no script: it is let in for this.
        text, count = re.subn("<meta http-equiv=.*>", MEASURE, text)
        expect_equal(count, 1, "the policies of the page")
        with open(os.path.join(where, "page.html"), "w", encoding="utf-8") as file:
            file.write(text)
        dom = browse(where, "--window-size=%d,900" % width, "--dump-dom", *options)
    found = re.search('<pre id="measured">(.*?)</pre>', dom, flags=re.S)
    expect(found, "the browser has run the script: " + dom[-500:])
    return json.loads(html.unescape(found.group(1)))


def luminance(color):
    return sum(int(n) for n in re.findall(r"\d+", color)[:3])


@test("in a browser, every sentence is visible and nothing overflows: wide, narrow, light, dark")
def shown():
    browser()
    with Server(answers(**CHANGED)) as server:
        done, text = page_of(server)
    for width, dark in ((1200, False), (500, True)):
        seen = measure(text, width, "--blink-settings=preferredColorScheme=%d" % (0 if dark else 1))
        expect_equal(seen["wide"], [], "elements that overflow at %d pixels" % width)
        for o in done.objects("finding") + done.objects("note"):
            expect(o["text"] in re.sub(r"\s+", " ", seen["seen"]), "not visible: " + o["text"])
        ink, paper = (luminance(color) for color in seen["colors"])
        expect((ink > paper) == dark, "the colors: %s" % seen["colors"])


@test("in a browser, endless words are broken, and data from the server has no effect")
def broken_words():
    browser()
    with Server(answers(syn=None, syn_missing=LONG + HOSTILE)) as server:
        _, text = page_of(server, status=0)
    seen = measure(text, 500)
    expect_equal(seen["wide"], [], "elements that overflow")
    expect("<b onmouseover=alert(1)>" in seen["seen"], "the text is not shown literally: " + seen["seen"])


@test("a printed page has every sentence")
def printed():
    browser()
    if not shutil.which("pdftotext"):
        raise Skip("this test needs pdftotext (poppler-utils)")
    with Server(answers(**CHANGED)) as server:
        done, text = page_of(server)
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        with open(os.path.join(where, "page.html"), "w", encoding="utf-8") as file:
            file.write(text)
        pdf = os.path.join(where, "page.pdf")
        browse(where, "--no-pdf-header-footer", "--print-to-pdf=" + pdf)
        words = subprocess.run(["pdftotext", "-raw", pdf, "-"], stdout=subprocess.PIPE,
                               check=True).stdout.decode()
    squeezed = re.sub(r"\s", "", words)
    for o in done.objects("finding"):
        expect(re.sub(r"\s", "", o["text"]) in squeezed, "not in the printed page: " + o["text"])


main()
