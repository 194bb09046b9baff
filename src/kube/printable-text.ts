/**
 * Text of others as it may be shown at a terminal: names, messages and logs come from repositories,
 * servers and programs, and none of them may move the cursor, set colours or titles, or turn the
 * direction of what follows (Unicode Technical Report 36, "Trojan Source").
 */

const REPLACEMENT = "\u{fffd}";

/** Lines stay lines and tabs stay tabs; other control characters are shown as `�`. */
export function printableText(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[^\P{Cc}\n\t]|[\p{Bidi_Control}\u2028\u2029]/gu, REPLACEMENT);
}

/** The same on one line: for names, which must not write lines of their own. */
export function printableLine(text: string): string {
  return printableText(text).replaceAll("\n", REPLACEMENT);
}

/** JSON with the characters escaped that `JSON.stringify` leaves as they are; it says the same. */
export function printableJson(json: string): string {
  return json.replace(/[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).padStart(4, "0");
    return `\\u${code}`;
  });
}
