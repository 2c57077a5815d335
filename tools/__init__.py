"""Programs for those who work on iluvatar_bench itself."""
