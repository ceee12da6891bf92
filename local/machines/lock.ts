/** Runs tasks one after the other, in the order they were given, whether or not the one before failed. */
export type Lock = <T>(task: () => Promise<T>) => Promise<T>;

export const createLock = (): Lock => {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task, task);
    last = result.catch(() => undefined);
    return result;
  };
};
