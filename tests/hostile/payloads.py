"""Texts that try to act: on the terminal, on the markup, on the reading direction, on the reader's patience.

The first ones are those of the contract suite; the others were thought of since. Every one that tries to act
on a terminal ends in ZZZ, so that what got through can be told from what we write ourselves.
"""

from __future__ import annotations

import json

from agentdesk.testing.world import HOSTILE_POSTS

ESC, ST, BEL = "\x1b", "\x1b\\", "\x07"


def _given() -> dict[str, str]:
    """The collected posts; a pair in one of them is a text and how often it stands there."""
    posts = json.loads(HOSTILE_POSTS.read_text())
    return {name: "".join(part if isinstance(part, str) else part[0] * part[1] for part in post["text"])
            for name, post in posts.items()}


TERMINAL = {
    "apc_kitty_picture": f"AAA{ESC}_Gf=24,s=1,v=1;AAAA{ST}ZZZ",
    "pm": f"AAA{ESC}^private{ST}ZZZ",
    "sos": f"AAA{ESC}Xstring{ST}ZZZ",
    "ris": f"AAA{ESC}cZZZ",
    "decaln": f"AAA{ESC}#8ZZZ",
    "charset": f"AAA{ESC}(0lqqkZZZ",
    "shift_out_graphics": f"AAA{ESC})0\x0elqqkZZZ",
    "mouse_off": f"AAA{ESC}[?1000lZZZ",
    "paste_off": f"AAA{ESC}[?2004lZZZ",
    "cursor_show": f"AAA{ESC}[?25hZZZ",
    "sync_on": f"AAA{ESC}[?2026hZZZ",
    "reverse_video": f"AAA{ESC}[?5hZZZ",
    "kitty_keys": f"AAA{ESC}[>1uZZZ",
    "da": f"AAA{ESC}[cZZZ",
    "xtversion": f"AAA{ESC}[>qZZZ",
    "title_report": f"AAA{ESC}[21tZZZ",
    "window_resize": f"AAA{ESC}[8;1;1tZZZ",
    "print_screen": f"AAA{ESC}[5iZZZ",
    "erase_scrollback": f"AAA{ESC}[3JZZZ",
    "far_away": f"AAA{ESC}[999;999HZZZ",
    "insert_lines": f"AAA{ESC}[40LZZZ",
    "scroll_region": f"AAA{ESC}[2;3rZZZ",
    "osc4_palette": f"AAA{ESC}]4;0;#ffffff{BEL}ZZZ",
    "osc10_ask": f"AAA{ESC}]10;?{ST}ZZZ",
    "osc9_notify": f"AAA{ESC}]9;you won{BEL}ZZZ",
    "osc777_notify": f"AAA{ESC}]777;notify;you;won{BEL}ZZZ",
    "osc1337_file": f"AAA{ESC}]1337;File=inline=1:AAAA{BEL}ZZZ",
    "osc133_prompt": f"AAA{ESC}]133;C{BEL}ZZZ",
    "osc7_cwd": f"AAA{ESC}]7;file:///etc{BEL}ZZZ",
    "osc22_pointer": f"AAA{ESC}]22;wait{BEL}ZZZ",
    "osc52_ask": f"AAA{ESC}]52;c;?{BEL}ZZZ",
    "osc_unended": f"AAA{ESC}]0;swallows what follows ZZZ",
    "sixel": f"AAA{ESC}Pq#0;2;0;0;0~-{ST}ZZZ",
    "user_keys": f"AAA{ESC}P0;1|17/726d202d7266{ST}ZZZ",
    "tmux_passthrough": f"AAA{ESC}Ptmux;{ESC}{ESC}]52;c;ZXZpbA=={BEL}{ST}ZZZ",
    "paste_start": f"AAA{ESC}[200~rm -rf ~\r{ESC}[201~ZZZ",
    "esc_at_end": f"ZZZ{ESC}",
    "rest_of_an_osc": f"]52;c;ZXZpbA=={BEL}ZZZ",
    "rest_of_a_csi": "[2JZZZ",
    "enq": "AAA\x05ZZZ",
    "xoff": "AAA\x13ZZZ",
    "can_sub": "AAA\x18\x1aZZZ",
    "c1_dcs": "AAA\x90q\x9cZZZ",
    "c1_ind_ri": "AAA\x84\x8d\x8d\x8dZZZ",
    "c1_apc_pm_sos": "AAA\x9fx\x9c\x9ey\x9c\x98z\x9cZZZ",
    "c1_ss3": "AAA\x8fPZZZ",
    "every_c0": "".join(map(chr, range(32))) + "ZZZ",
    "every_c1": "".join(map(chr, range(0x80, 0xA0))) + "ZZZ",
}
"""What terminals act on."""

LETTERS = {
    "lrm_rlm": "AAA\u200f\u200eZZZ",
    "alm": "AAA\u061cZZZ",
    "lone_pdi": "AAA\u2069ZZZ",
    "lone_fsi": "AAA\u2068ZZZ",
    "lre_rle": "AAA\u202a\u202bZZZ",
    "soft_hyphen": "AAA\u00adZZZ",
    "word_joiner": "AAA\u2060\u2062\u2063\u2064ZZZ",
    "deprecated_format": "AAA\u206a\u206b\u206c\u206d\u206e\u206fZZZ",
    "hangul_filler": "AAA\u115f\u1160\u3164\uffa0ZZZ",
    "mongolian_separator": "AAA\u180eZZZ",
    "interlinear": "AAA\ufff9x\ufffay\ufffbZZZ",
    "musical_format": "AAA\U0001d173\U0001d17aZZZ",
    "shorthand_format": "AAA\U0001bca0\U0001bca3ZZZ",
    "grapheme_joiner": "AAA\u034fZZZ",
    "unassigned_ignorable": "AAA\u2065\ufff0\U000e0fffZZZ",
    "language_tag": "AAA\U000e0001\U000e0065\U000e006eZZZ",
    "smuggled_bytes": "AAA\U0001f600" + "".join(chr(0xE0100 + n) for n in b"curl evil.example") + "ZZZ",
    "flag_tag": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f flag",
    "zalgo": "".join(c + "\u0300\u0301\u0302\u0303\u0304\u0305\u0306" * 6 for c in "HELP ME"),
    "marks_past_joiners": "e" + "\u0301\u0302\u0303\u0304\u200d" * 400 + " end",
    "marks_past_nonjoiners": "e" + "\u0301\u0302\u0303\u0304\u200c" * 400 + " end",
    "enclosing": "A" + "\u20dd\u20de\u20e0" * 100,
    "emoji_chain": "\U0001f469" + "\u200d\U0001f469" * 3_000 + " end",
    "jamo_flood": "\u1100" + "\u1161\u11a8" * 3_000 + " end",
    "joiners_only": "\u200d" * 5_000,
    "thai_marks": "\u0e01" + "\u0e49" * 500,
    "noncharacters": "AAA\ufffe\uffff\U0001ffffZZZ",
    "private_use": "AAA\uf8ff\ue0b0\U000f0000ZZZ",
    "replacement": "AAA\ufffdZZZ",
    "pair_of_surrogates": "AAA\ud83d\ude00ZZZ",
    "arabic": "أين طردي؟ رقم 4471 (متأخر) — abc",
    "hebrew": "איפה החבילה שלי [123] (abc)?",
    "persian_nonjoiner": "می\u200cخواهم بسته‌ام را",
    "spoofed_name": "agentdesk\u202e moc.elpmaxe",
    "many_spaces": " " * 5_000 + "x",
    "odd_spaces": "A\u00a0\u2003\u3000\u1680\u2028\u2029\u0085Z",
    "braille_blank": "\u2800" * 50,
}
"""What readers are deceived with, and what terminals measure in their own ways."""

MARKUP = {
    "click": "[@click=app.quit]quit[/]",
    "click_quoted": "[@click='app.quit()']quit[/]",
    "click_screen": "[@click=screen.dismiss]x[/]",
    "link_quoted": '[link="https://evil.example"]bank.example[/link]',
    "close_all": "[/]",
    "close_unopened": "[/b][/][/foo bar]",
    "style_variable": "[$primary on $error]x[/]",
    "blink": "[blink reverse]x[/blink reverse]",
    "brackets": "[" * 300 + "]" * 300,
    "escaped": r"\[red]x\[/red] \\[b]",
    "emoji_code": ":bomb: :thumbs_up:",
    "odd_tag": "[not a tag] [1] [] [ ] [=] [#fff] [@] [\x1b]",
    "python": "{customer.name} {0.__class__} %s %n %(x)s",
    "jinja": "{{ 7 * 7 }}{% for x in range(9**9) %}x{% endfor %}{# #}",
    "shell": "$(touch canary) `touch canary` ; touch canary | tee canary && ${HOME}",
    "sql": "'); DROP TABLE message; --",
    "fts": '" OR NEAR(a b) * ^ - : {text}',
    "html": "<script>alert(1)</script>&lt;b&gt;<img src=https://evil.example/x.gif>",
    "markdown": "[x](javascript:alert(1)) ![](https://evil.example/x.gif) **b**",
    "formula": '=HYPERLINK("https://evil.example","x")',
    "path": "../../../../etc/passwd",
    "spelled_out": r"\x1b[31m \e[2J \033]0;x\007 ^[[31m",
    "yaml": "!!python/object/apply:os.system [id]",
    "colon_call": ":quit\n:done spam",
}
"""What somebody might read as more than text."""

SIZE = {
    "one_word": "W" * 20_000,
    "many_emoji": "\U0001f4e6" * 6_000,
    "many_arabic_lines": "أين طردي؟\n" * 3_000,
    "many_brackets": "[" * 50_000,
    "many_escapes": f"{ESC}[31m" * 20_000,
    "wide_lines": ("伊藤健司" * 200 + "\n") * 200,
    "long_links": "https://evil.example/" + "a" * 5_000,
}
"""What takes long to draw."""

GIVEN = _given()
PAYLOADS: dict[str, str] = {**GIVEN, **TERMINAL, **LETTERS, **MARKUP, **SIZE}
"""All of them, by name."""
