import { expect } from "vitest";

/** vitest's matchers, as values of no particular type. */
export const containing = (text: string): unknown => expect.stringContaining(text);
export const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
export const someText = (): unknown => expect.any(String);
export const having = (fields: object): unknown => expect.objectContaining(fields);
export const including = (items: unknown[]): unknown => expect.arrayContaining(items);
