import pino from "pino";

/**
 * Error objects of the clients carry the command that failed, with its arguments: passwords of a login, people's data in all
 * others. Only name, message and stack are written.
 */
export function createLogger(level, destination) {
  const serializers = { err: ({ name, message, stack }) => ({ name, message, stack }) };
  return pino({ level, serializers }, destination);
}
