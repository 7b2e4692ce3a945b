"""Names that want to be more than names. What they would run sets `pwned`, and what they would add is called so."""

from __future__ import annotations

# Of at most 64 characters, without controls: X.509 subjects may hold them (RFC 5280 appendix A, ub-common-name).
NAMES: tuple[str, ...] = (
    # markup
    "<script>pwned=1</script>",
    "<script src=//127.0.0.1:9/pwned.js></script>",
    "</title><script>pwned=1</script>",
    "</textarea><script>pwned=1</script>",
    "</pre></code></bdi></td><pwned>",
    "</summary></details></dl></main><pwned>",
    "<img src=x onerror=pwned=1>",
    "<img src=x onerror=alert(1)//",
    "<svg onload=pwned=1>",
    "<svg><script>pwned=1</script></svg>",
    "<svg><animate onbegin=pwned=1 attributeName=x dur=1s>",
    "<math><mi href=javascript:pwned=1>x</mi></math>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<object data=javascript:pwned=1>",
    "<details open ontoggle=pwned=1>",
    "<body onload=pwned=1>",
    "<input autofocus onfocus=pwned=1>",
    "<a href=javascript:pwned=1 class=pwned>x</a>",
    "<base href=//127.0.0.1:9/>",
    "<meta http-equiv=refresh content=0;url=//127.0.0.1:9/>",
    "<link rel=stylesheet href=//127.0.0.1:9/pwned.css>",
    "<style>@import '//127.0.0.1:9/pwned.css';</style>",
    "<form action=//127.0.0.1:9/><button>pwned</button>",
    "<div hx-get=/console/cas hx-trigger=load class=pwned>",
    "<div hx-on:load=pwned=1 data-hx-on::load=pwned=1>",
    "<template><script>pwned=1</script></template>",
    # comments and their like
    "<!-- pwned",
    "--><script>pwned=1</script>",
    "<!--><img src=x onerror=pwned=1>-->",
    "<![CDATA[<pwned>]]>",
    "<?xml version='1.0'?><pwned>",
    # out of attributes
    '" onmouseover="pwned=1" x="',
    "' onfocus='pwned=1' autofocus='",
    '"><script>pwned=1</script>',
    "x tabindex=1 autofocus onfocus=pwned=1",
    '\\"-alert(1)-\\"',
    "javascript:alert(1)",
    "JaVaScRiPt:pwned=1//%0Aalert(1)",
    # entities and encodings
    "&lt;script&gt;pwned=1&lt;/script&gt;",
    "+ADw-script+AD4-pwned=1+ADw-/script+AD4-",
    "\uff1cscript\uff1epwned=1\uff1c/script\uff1e",
    # templates
    "{{ 777*13007 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% end %}",
    "${777*13007}#{777*13007}<%= 777*13007 %>",
    "{{ visit.rt.settings }}{# pwned #}",
    "%s %(secret)s {0.__class__} $(id) `id`",
    # separators of names, formulas, paths
    "x,O=Other+OU=Y\\,CN=\\#00;Z",
    '#1303 "quoted" \\2C <x> =y',
    "=cmd|'/C calc'!A0",
    "../../../etc/passwd\\..\\..",
    "'; DROP TABLE records; --",
    # unseen, turned and odd characters
    "\u202egnp.exe\u202c \u2067x\u2069",
    "a\u200bb\u200cc\u200d\u2060d\ufeffe\u00ad",
    "\u0430dmin \u0391 \u2044 \uff0e",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 x",
    "Z\u0351\u0363\u0349\u0327a\u0310\u0352l\u0300\u0334go",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067\U000e007f",
    "\U000e0001\U000e0041\ufe0f\u3164\u2800",
    "\ufffd\uffff\U0001ffff\ue000",
    "\u2028x\u2029y",
)
# What no subject may hold, but fields, addresses and queries do.
TEXTS: tuple[str, ...] = (
    *NAMES,
    "a\x00<script>pwned=1</script>",
    "x\r\nSet-Cookie: pwned=1\r\n\r\n<script>pwned=1</script>",
    "\x07\x1b[2J\x7f\x9f",
    "<pwned>" * 9362,  # 64 KB
    "\ud800<pwned>",
)
ANSWER_OF_TEMPLATES = "10106439"  # 777 * 13007
