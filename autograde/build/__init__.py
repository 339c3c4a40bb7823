"""From solutions/ to course/, and the proofs that the checks really grade."""
