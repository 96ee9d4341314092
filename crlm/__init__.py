"""Two papers on resected colorectal liver metastases as executable replications."""

__version__ = "0.1.0"
