"""The search: Optuna proposes, runs report, the pruner gives up."""
