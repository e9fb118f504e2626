// What the channels to the outside are called.

import { words } from "./format.js";

const NAMES = { sms: "SMS", ntfy: "ntfy" };

/** The name of a channel. */
export const channelName = (channel) => NAMES[channel] ?? words(channel);
