/** How a message becomes a request of one kind of provider. */
import type { DeliveryError } from "../delivery-error.ts";
import type { Message } from "../message.ts";
import type { OutgoingRequest } from "../session.ts";

/** Where a message goes. Holds secrets: never log it. */
export interface Place {
  readonly address: string;
  readonly channel?: string | undefined;
  readonly username?: string | undefined;
  readonly token?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Post {
  /** Where there is only one. */
  readonly defaultAddress?: string;
  /** @throws DeliveryError `configuration` when something is missing */
  readonly request: (message: Message, place: Place) => OutgoingRequest;
  /** For providers that answer 200 to what they refuse. */
  readonly refusal?: (answer: string, place: Place) => DeliveryError | undefined;
}
