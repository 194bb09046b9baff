/** The texts of `Warning` headers (RFC 7234 §5.5) with code 299, as API servers send them. */
const WARNING = /299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** A server may send many; what is beyond this says nothing more to a person. */
const MAX_WARNINGS = 100;

export function warningTexts(header: string | readonly string[] | undefined): string[] {
  const text = typeof header === "string" ? header : (header ?? []).join(", ");
  return [...text.matchAll(WARNING)]
    .slice(0, MAX_WARNINGS)
    .map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1"));
}
