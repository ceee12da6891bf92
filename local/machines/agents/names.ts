import { decode, encode, type Packet, RECURSION_AVAILABLE } from "dns-packet";

/** Host names the internet of the local cloud knows, in lower case. */
export type Names = Readonly<Record<string, string>>;

/** Whether a text is a host name in lower case, and so no path that leads elsewhere. */
export const isHostName = (text: string): boolean => /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(text);

const notImplemented = 4;
const nameError = 3;

/** Answers a DNS question: A records of known names, "no such name" for all others at once, so that nobody waits for a time-out. */
export const answerQuestion = (message: Buffer, addressOf: (name: string) => string | undefined): Buffer | null => {
  let question: Packet;
  try {
    question = decode(message);
  } catch {
    return null;
  }
  const [asked] = question.questions ?? [];
  const base = { type: "response", id: question.id, questions: question.questions } as const;
  if (asked === undefined) return encode({ ...base, flags: RECURSION_AVAILABLE | notImplemented });
  const address = addressOf(asked.name.toLowerCase().replace(/\.$/, ""));
  if (address === undefined) return encode({ ...base, flags: RECURSION_AVAILABLE | nameError });
  const answers = asked.type === "A" ? [{ type: "A" as const, name: asked.name, ttl: 60, data: address }] : [];
  return encode({ ...base, flags: RECURSION_AVAILABLE, answers });
};
