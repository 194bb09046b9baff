/** A diagnosis as people read it, in a few lines. */
import type { Diagnosis } from "./diagnose.ts";

export function diagnosisLines({ ref, health, counts, cause, next }: Diagnosis): string[] {
  const name = `${ref.kind.toLowerCase()}/${ref.name}`;
  const state = cause === undefined ? (health.message ?? health.status) : counts?.text;
  const lines = [`${name}: ${state ?? health.status}`];
  if (cause !== undefined) {
    const pod = cause.pod === undefined ? "" : `pod ${cause.pod}: `;
    lines.push(`  ${pod}${cause.message}`);
    if (cause.log.length > 0) {
      lines.push(
        `  last lines of ${cause.container ?? "it"}${cause.isPreviousLog ? " before it ended" : ""}:`,
      );
      lines.push(...cause.log.map((line) => `    ${line}`));
    }
  }
  if (next !== undefined) lines.push(`  more: ${next}`);
  return lines;
}
