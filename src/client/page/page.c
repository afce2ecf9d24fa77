#include "client/page/page.h"

#include "base/duration.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/io/diag.h"
#include "client/page/advice.h"
#include "client/page/html.h"
#include "client/page/picture.h"
#include "client/page/table.h"
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n";

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--text:#1b1f24;--dim:#57606a;--page:#fff;--line:#c4ccd4;"
    "--soft:#f3f5f7;--good:#1a7f37;--some:#9a6700;--bad:#b42318}\n"
    "@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--dim:#9aa4ae;--page:#0d1117;"
    "--line:#3a424b;--soft:#171d25;--good:#3fb950;--some:#d29922;--bad:#ff7b72}}\n"
    "@media print{:root{color-scheme:light;--text:#000;--dim:#444;--page:#fff;--line:#999;"
    "--soft:#fff;--good:#1a7f37;--some:#9a6700;--bad:#b42318}"
    "li,tr,figure{break-inside:avoid}h2{break-after:avoid}}\n"
    "body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:46rem;margin:0 auto;padding:1.5rem;overflow-wrap:anywhere}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}\n"
    ".when,figcaption,.advice,footer{color:var(--dim);font-size:.9rem}\n"
    ".verdict{font-size:1.2rem;font-weight:600;padding:.6rem .9rem;border:1px solid;"
    "border-left-width:6px;border-radius:4px}\n"
    ".verdict.good{color:var(--good)}.verdict.bad{color:var(--bad)}\n"
    "li{margin-bottom:.8rem}li p{margin:.2rem 0}figure{margin:1rem 0}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--line)}"
    "td{font-family:monospace}tr.changed td,tr.changed th{color:var(--bad);font-weight:700}\n"
    "svg{display:block;width:100%;height:auto}svg text{text-anchor:middle;fill:var(--text)}\n"
    ".name{font-weight:600}.address{font-family:monospace}svg .note{fill:var(--dim)}\n"
    ".box{fill:var(--soft);stroke:var(--line)}.wire{stroke-width:4}\n"
    ".wire.good{stroke:var(--good)}.wire.bad{stroke:var(--bad);stroke-dasharray:10 6}\n"
    ".router{fill:var(--page);stroke:var(--dim);stroke-width:2}\n"
    "rect.ok{fill:var(--good)}rect.some{fill:var(--some)}rect.lost{fill:var(--bad)}"
    ".cross{stroke:var(--page);stroke-width:2.5}\n"
    ".key{display:inline-block;width:1em;line-height:1em;text-align:center;color:var(--page);"
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}.key:empty{height:1em}"
    ".key.ok{background:var(--good)}.key.some{background:var(--some)}"
    ".key.lost{background:var(--bad)}\n"
    "</style>\n";

/* ---- text ---- */

static void put_element(FILE *to, const char *element, const char *text)
{
    fprintf(to, "<%s>", element);
    html_text(to, text);
    fprintf(to, "</%s>\n", element);
}

static void put_head(FILE *to, const struct path *p)
{
    char now[64] = "", own[ADDRESS_TEXT_MAX];
    time_t seconds = time(NULL);
    struct tm local;

    if (localtime_r(&seconds, &local))
        strftime(now, sizeof(now), "%F %T %Z", &local);
    fputs(head, to);
    fputs("<title>The path to ", to);
    html_text(to, p->common->target.host);
    fprintf(to, "</title>\n%s</head>\n<body><main>\n<h1>The path to ", style);
    html_text(to, p->common->target.host);
    fputs("</h1>\n<p class=\"when\">Examined on ", to);
    html_text(to, now);
    fputs(" from ", to);
    html_text(to, address_host(&p->plain.own, own, sizeof(own)));
    fputs(" by echoc " PACKAGE_VERSION ".</p>\n", to);
}

static void put_verdict(FILE *to, const struct path *p)
{
    size_t count = p->findings.count;
    const char *stopped = path_is_stopped(p) ? " The examination was stopped before its end." : "";

    if (count > 0)
        fprintf(to,
                "<p class=\"verdict bad\">%zu finding%s: not everything arrives as it was "
                "sent.%s</p>\n",
                count, plural(count), stopped);
    else
        fprintf(to, "<p class=\"verdict good\">Nothing was found.%s</p>\n", stopped);
}

static void put_findings(FILE *to, const struct findings *f)
{
    if (f->count > 0)
        fputs("<h2>Findings</h2>\n<ol>\n", to);
    for (size_t i = 0; i < f->length; i++) {
        if (!f->list[i].fault)
            continue;
        fputs("<li>", to);
        put_element(to, "strong", f->list[i].text);
        fprintf(to, "<p class=\"advice\">%s</p></li>\n", path_advice(f->list[i].kind));
    }
    if (f->count > 0)
        fputs("</ol>\n", to);
}

static void put_notes(FILE *to, const struct findings *f)
{
    if (f->length == f->count)
        return;
    fputs("<h2>Also observed</h2>\n<ul>\n", to);
    for (size_t i = 0; i < f->length; i++)
        if (!f->list[i].fault)
            put_element(to, "li", f->list[i].text);
    fputs("</ul>\n", to);
}

/* Writes the command line, with the options that determine what was tried. */
static void put_command(FILE *to, const struct path *p)
{
    const struct {
        const char *name, *argument;
    } options[] = {{"echo-port", p->opts->echo_port}, {"udp-port", p->opts->udp_port}};
    char span[DURATION_TEXT_MAX];

    fputs("<code>echoc path", to);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (options[i].argument) {
            fprintf(to, " --%s ", options[i].name);
            html_text(to, options[i].argument);
        }
    fprintf(to, " --flows %" PRIu64, p->opts->flows);
    if (p->opts->idle)
        fprintf(to, " --idle '%s'", duration_format(p->opts->idle, span, sizeof(span)));
    fputc(' ', to);
    html_text(to, p->common->target.host);
    fputc(' ', to);
    html_text(to, p->common->target.port);
    fputs("</code>", to);
}

static void put_foot(FILE *to, const struct path *p)
{
    fputs("<footer><p>echoc path connects to a whoami service of echod, which reports the first "
          "packet of the connection (SYN) as it arrived, and compares that with what was sent. "
          "Packet sizes, loss and idle connections are tried with echo services on the same "
          "host. To repeat it: ",
          to);
    put_command(to, p);
    fputs("</p></footer>\n</main></body>\n</html>\n", to);
}

static void put_page(FILE *to, const struct path *p)
{
    put_head(to, p);
    put_verdict(to, p);
    path_picture_ends(to, p);
    put_findings(to, &p->findings);
    path_table(to, p);
    path_picture_sizes(to, p);
    path_picture_flows(to, p);
    put_notes(to, &p->findings);
    put_foot(to, p);
}

/* ---- the file ---- */

int path_page_write(const struct path *p, const struct output_file *file)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    int r = to ? 0 : -ENOMEM;

    if (to) {
        put_page(to, p);
        r = fclose(to) == 0 ? 0 : -ENOMEM;
    }
    if (r == 0)
        r = output_file_replace(file, text, len);
    else
        diag_say("cannot write %s: %s", file->path, strerror(-r));
    free(text);
    return r;
}
