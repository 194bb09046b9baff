/**
 * `$(VAR)` references, as k8s.io/kubernetes/third_party/forked/golang/expansion: `$$` is a dollar
 * sign, an unknown reference stays as it is.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  if (!text.includes("$")) return text;
  let out = "";
  for (let at = 0; at < text.length; at++) {
    const next = text[at + 1];
    if (text[at] !== "$" || next === undefined) {
      out += text[at];
    } else if (next === "$") {
      out += "$";
      at++;
    } else if (next === "(") {
      const close = text.indexOf(")", at + 2);
      // Without an end it is no reference.
      if (close < 0) return `${out}${text.slice(at)}`;
      const name = text.slice(at + 2, close);
      out += lookup(name) ?? `$(${name})`;
      at = close;
    } else {
      out += `$${next}`;
      at++;
    }
  }
  return out;
}
