/**
 * fast-check with a seed of ours, so that whoever changes something sees what the change does and nothing else. Other
 * cases are tried with FUZZ_SEED in the environment: a number, or "random". What fails names its seed.
 */
import fc from "fast-check";

const { FUZZ_SEED = "20261129" } = process.env;

if (FUZZ_SEED !== "random") fc.configureGlobal({ seed: Number(FUZZ_SEED) });

export default fc;
