/** Bounds what one message can add to a status; the beginning says what is wrong. */
const MAX_MESSAGE_CHARACTERS = 2_000;

export function clip(text: string): string {
  return text.length <= MAX_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…`;
}
