import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LinearPattern } from "../../../src/kube/cel/pattern/linear-pattern.ts";
import { PatternError } from "../../../src/kube/cel/pattern/pattern-error.ts";

function found(pattern: string, text: string): string | undefined {
  const match = new LinearPattern(pattern).find(text);
  return match === undefined ? undefined : text.slice(match.start, match.end);
}

describe("patterns in RE2's syntax", () => {
  it.each<[string, string, string | undefined]>([
    ["a{2,3}", "xaaaa", "aaa"],
    ["a{2,3}?", "xaaaa", "aa"],
    ["(a|ab)(c|bcd)", "abcd", "abcd"],
    ["a|ab", "ab", "a"],
    ["a{,3}", "a{,3}", "a{,3}"],
    ["\\bfoo\\b", "foobar foo", "foo"],
    ["\\Boo", "foo", "oo"],
    ["[^a-c]+", "abcdef", "def"],
    ["[]a]+", "x]a]", "]a]"],
    ["[a-]+", "x-a", "-a"],
    ["[\\d_]+", "a1_2", "1_2"],
    ["[[:alpha:]]+[[:^alpha:]]", "12ab3", "ab3"],
    ["(?i)HeLLo", "say hello", "hello"],
    ["(?i:A)b", "ab aB", "ab"],
    ["(?i)[a-c]+", "xABC", "ABC"],
    ["(?i)[^a]", "A", undefined],
    ["^$", "", ""],
    ["(?m)^b$", "a\nb\nc", "b"],
    ["^b$", "a\nb\nc", undefined],
    [".", "\n", undefined],
    ["(?s).", "\n", "\n"],
    ["(?U)a+", "aaa", "a"],
    ["\\p{Greek}+", "abΩγ", "Ωγ"],
    ["\\pL+", "12é", "é"],
    ["\\PL+", "é12", "12"],
    ["\\x41\\x{1F600}", "A😀", "A😀"],
    ["^.$", "😀", "😀"],
    ["\\Qa.b\\E+", "xa.bb", "a.bb"],
    ["(?P<name>a)(?<other>b)", "ab", "ab"],
    ["\\.\\/\\-", "./-", "./-"],
    ["a\\z", "aa", "a"],
    ["", "x", ""],
    ["(a*)*b", "aaab", "aaab"],
    ["(a*)+", "b", ""],
  ])("%s in %s", (pattern, text, expected) => {
    expect(found(pattern, text)).toBe(expected);
    expect(new LinearPattern(pattern).test(text)).toBe(expected !== undefined);
  });

  it.each([
    ["(a", "without its )"],
    ["a)", "without its ("],
    ["*a", "nothing before"],
    ["a**", "may not follow"],
    ["(?=a)", "lookaround"],
    ["(?<=a)b", "lookbehind"],
    ["(a)\\1", "\\1 is not supported"],
    ["[z-a]", "no valid end"],
    ["[a", "ends too early"],
    ["\\", "ends too early"],
    ["[[:what:]]", "no character class"],
    ["\\p{Nothing}", "no character class"],
    ["a{1001}", "not within 0 and 1000"],
    ["a{3,2}", "not within"],
    ["(a{1000}){1000}", "too large"],
    ["((){1000}){1000}", "too large"],
    ["(".repeat(2000) + ")".repeat(2000), "too deeply"],
    ["a".repeat(5000), "longer than"],
  ])("refuses %s", (pattern, message) => {
    expect(() => new LinearPattern(pattern)).toThrow(PatternError);
    expect(() => new LinearPattern(pattern)).toThrow(message);
  });

  it("finds what JavaScript's expressions find", () => {
    const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\w", "^", "$", "\\b");
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => a + b),
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `(?:${a}|${b})`),
        fc
          .tuple(fc.constantFrom("a", "b", "[ab]", "."), fc.constantFrom("*", "+?", "{1,2}", "??"))
          .map(([a, b]) => a + b),
      ),
    }));
    fc.assert(
      fc.property(
        pattern,
        fc.string({ unit: fc.constantFrom("a", "b", "\n", "-"), maxLength: 9 }),
        (source, text) => {
          expect(found(source, text)).toBe(new RegExp(source).exec(text)?.[0]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("takes time in proportion to the text, whatever the pattern", () => {
    for (const pattern of ["^(a+)+$", "(a|aa)+$", "(.*)*(.*)*b", "(a?){200}a{200}"])
      expect(new LinearPattern(pattern).test(`${"a".repeat(20_000)}c`)).toBe(
        pattern.startsWith("(a?"),
      );
  });
});
