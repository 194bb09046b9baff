/** What a condition is going to say. */
export interface Verdict {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export const verdict = (type: string, isTrue: boolean, reason: string, message = ""): Verdict => ({
  type,
  status: isTrue ? "True" : "False",
  reason,
  message,
});
