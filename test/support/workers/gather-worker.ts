/** The entry of the threads that test/unit/layer/pack.test.ts starts: reads files. */
import { readRanges } from "../../../src/base/fs/read-ranges.ts";
import { serve } from "../../../src/base/workers/worker.ts";

serve(readRanges);
