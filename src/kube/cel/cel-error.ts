/** What is wrong with an expression, or went wrong while it was evaluated. */

/** `invalid`: it cannot work; `failed`: not with these values; `exhausted`: it takes too long. */
export type CelErrorCode = "invalid" | "failed" | "exhausted";

export class CelError extends Error {
  override readonly name = "CelError";
  readonly code: CelErrorCode;
  /** Without the position. */
  readonly summary: string;
  /** Both from 1, where they are known. */
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(code: CelErrorCode, summary: string, position?: { line: number; column: number }) {
    super(position === undefined ? summary : `${summary} (${where(position)})`);
    this.code = code;
    this.summary = summary;
    this.line = position?.line;
    this.column = position?.column;
  }
}

function where({ line, column }: { line: number; column: number }): string {
  return line === 1 ? `column ${column}` : `line ${line}, column ${column}`;
}

/** Line and column, both from 1, of an offset in UTF-16 units. */
export function positionAt(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}
