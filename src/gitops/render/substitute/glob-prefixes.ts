/** Which beginnings of a text a shell pattern matches: all of them in one walk, so never exponential. */

type Token = "any" | ((character: string) => boolean);

/**
 * Lengths of the beginnings that match, ascending.
 * @param reversed the text is given from its end, so the pattern is read from its end as well
 */
export function globPrefixes(
  text: readonly string[],
  pattern: string,
  reversed: boolean,
): number[] {
  const tokens = tokensOf(pattern);
  if (reversed) tokens.reverse();
  let states = closure(new Set([0]), tokens);
  const lengths = states.has(tokens.length) ? [0] : [];
  for (const [index, character] of text.entries()) {
    const next = new Set<number>();
    for (const state of states) {
      const token = tokens[state];
      if (token === undefined) continue;
      if (token === "any") next.add(state);
      else if (token(character)) next.add(state + 1);
    }
    if (next.size === 0) break;
    states = closure(next, tokens);
    if (states.has(tokens.length)) lengths.push(index + 1);
  }
  return lengths;
}

/** A star may also stand for nothing. */
function closure(states: Set<number>, tokens: readonly Token[]): Set<number> {
  for (const state of states) if (tokens[state] === "any") states.add(state + 1);
  return states;
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    const close = character === "[" ? characters.indexOf("]", at + 2) : -1;
    if (character === "*") tokens.push("any");
    else if (character === "?") tokens.push(() => true);
    else if (close > 0) {
      tokens.push(classOf(characters.slice(at + 1, close)));
      at = close;
    } else {
      const literal = character === "\\" ? (characters[++at] ?? "\\") : character;
      tokens.push((one) => one === literal);
    }
  }
  return tokens;
}

function classOf(members: readonly string[]): (character: string) => boolean {
  const isNegated = members[0] === "^" || members[0] === "!";
  const own = isNegated ? members.slice(1) : members;
  return (character) => {
    let isIn = false;
    for (let at = 0; at < own.length; at++) {
      const from = own[at] ?? "";
      const to = own[at + 1] === "-" ? own[at + 2] : undefined;
      if (to === undefined) isIn ||= character === from;
      else {
        isIn ||= character >= from && character <= to;
        at += 2;
      }
    }
    return isIn !== isNegated;
  };
}
