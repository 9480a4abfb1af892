/** What is tried again, how often and after which pause. */
import { setTimeout } from "node:timers/promises";
import { type IngotError, isIngotError } from "../../base/error.ts";

export interface RetryPolicy {
  /** How often in a row something is tried that brings nothing. */
  readonly tries: number;
  /** Milliseconds before the second try; each pause is twice the one before. */
  readonly first: number;
  /** No pause is longer, asked for or not. Milliseconds. */
  readonly longest: number;
  /** Waits so many milliseconds, or until `stop` says so. */
  pause(milliseconds: number, stop?: AbortSignal): Promise<void>;
}

export const RETRY_POLICY: RetryPolicy = {
  tries: 6,
  first: 250,
  longest: 120_000,
  pause: (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }).catch(() => {}),
};

/** A registry that says one of these may say something else in a moment; so may a connection that was cut. */
const PASSING = new Set([
  "408",
  "425",
  "429",
  "500",
  "502",
  "503",
  "504",
  "cut",
  "timeout",
  "EAI_AGAIN",
  "ETIMEDOUT",
]);

/** Whether `error` may be gone when the same is tried again. */
export function isRetryable(error: unknown): error is IngotError<"registry"> {
  return isIngotError(error, "registry") && PASSING.has(error.facts.code);
}

/** Which failures may be gone when the same is tried again. */
type IsRetryable = (error: unknown) => error is IngotError<"registry">;

/** How long something is tried: with that patience, and not when it says stop. */
export interface RetryOptions {
  readonly patience: RetryPolicy;
  readonly stop: AbortSignal | undefined;
}

/** Counts failures in a row, and waits as long as is right after each. */
export class RetryState {
  readonly #trying: RetryOptions;
  readonly #mayPass: IsRetryable;
  #failed = 0;

  constructor(trying: RetryOptions, mayPass: IsRetryable = isRetryable) {
    this.#trying = trying;
    this.#mayPass = mayPass;
  }

  /** Something was achieved: what failed before does not count any more. */
  reset(): void {
    this.#failed = 0;
  }

  /**
   * Waits before the next try. @throws `error` where there is none: it cannot pass, came too often, or asks for too long a pause;
   * the reason to stop as soon as there is one
   */
  async next(error: unknown): Promise<void> {
    const { patience, stop } = this.#trying;
    const { tries, first, longest, pause } = patience;
    stop?.throwIfAborted();
    this.#failed++;
    if (!this.#mayPass(error) || this.#failed >= tries) throw error;
    const { after } = error.facts;
    if (after !== undefined && after * 1000 > longest) throw error;
    const backoff = Math.min(longest, first * 2 ** (this.#failed - 1));
    await pause(Math.max(backoff, (after ?? 0) * 1000), stop);
    stop?.throwIfAborted();
  }
}

/** Does `act`, again where that can help. @throws what the last try threw */
export async function withRetry<T>(
  trying: RetryOptions,
  act: () => Promise<T>,
  mayPass?: IsRetryable,
): Promise<T> {
  const tries = new RetryState(trying, mayPass);
  for (;;) {
    try {
      return await act();
    } catch (error) {
      await tries.next(error);
    }
  }
}
