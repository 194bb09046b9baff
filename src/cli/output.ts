/** Results go to stdout, progress to stderr; nothing of it can steer the terminal. */
import { printableJson, printableLine, printableText } from "../kube/printable-text.ts";
import type { CliContext } from "./context.ts";

export function printJson(context: CliContext, value: unknown): void {
  context.process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}
export function printLine(context: CliContext, text = ""): void {
  context.process.stdout.write(`${printableText(text)}\n`);
}
export function progress(context: CliContext, text: string): void {
  context.process.stderr.write(`${printableText(text)}\n`);
}

/** Columns as kubectl aligns them: three spaces apart, headings in capitals. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows].map((row) => row.map(printableLine));
  const widths = headings.map((_heading, column) =>
    Math.max(...all.map((row) => (row[column] ?? "").length)),
  );
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
        )
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}

export const outputFlag = {
  kind: "enum",
  values: ["text", "json"],
  brief: "Form of the result",
  default: "text",
} as const;
