#!/usr/bin/env python3
"""Writes src/base/unicode_categories.cc: the general category of every code point in Unicode 15.0.

usage: make_categories.py > src/base/unicode_categories.cc

Needs a Python whose unicodedata is of Unicode 15.0 (3.12 has it). Another version of Unicode changes how texts become
tokens: raise kUnicodeVersion here and kTextVersion in src/engine/text_version.h with it.
"""
import sys
import unicodedata

VERSION = "15.0.0"
NAMES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()


def utf8_bytes(c):
    return 2 if c < 0x800 else 3 if c < 0x10000 else 4


def ranges():
    """(first code point, category) of every run of one category."""
    before = None
    for c in range(0x110000):
        category = unicodedata.category(chr(c))
        if category != before:
            yield c, category
        before = category


def representatives():
    """(category, UTF-8 bytes) -> a code point of that kind that has been so since Unicode 3.2, or the first."""
    chosen = {("Cf", 3): 0x200C, ("Cn", 2): 0x80, ("Cn", 3): 0xFDD0, ("Cn", 4): 0x1FFFE, ("Co", 3): 0xE000, ("Co", 4): 0xF0000}
    first = {}
    for c in range(0x80, 0x110000):
        if 0xD800 <= c < 0xE000:
            continue
        key = (unicodedata.category(chr(c)), utf8_bytes(c))
        first.setdefault(key, c)
        if unicodedata.ucd_3_2_0.category(chr(c)) == key[0]:
            chosen.setdefault(key, c)
    return {**first, **chosen}


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"this Python has Unicode {unicodedata.unidata_version}, not {VERSION}")
    entries = [f"{c << 5 | NAMES.index(category):#x}" for c, category in ranges()]
    rows = []
    line = "   "
    for entry in entries:
        if len(line) + len(entry) + 2 > 108:
            rows.append(line)
            line = "   "
        line += f" {entry},"
    rows.append(line)
    kinds = representatives()
    table = ["    {" + ", ".join(f"{kinds.get((name, n), 0):#x}" for n in (2, 3, 4)) + "}," + f"  // {name}"
             for name in NAMES]
    print(f"""// Made by tools/unicode/make_categories.py of Unicode {VERSION} (UnicodeData.txt).
#include "base/unicode.h"

namespace verbatim::unicode {{

// clang-format off
const std::uint32_t kCategoryRuns[] = {{
{chr(10).join(rows)}
}};
// clang-format on

const std::size_t kCategoryRunCount = sizeof kCategoryRuns / sizeof kCategoryRuns[0];

const char32_t kRepresentatives[kCategories][3] = {{
{chr(10).join(table)}
}};

}}  // namespace verbatim::unicode""")


main()
