"""Many runs from one call: notebooks through papermill, grids of them, the demo."""
