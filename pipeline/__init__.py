"""Healthsift: scraped health-news pages to cleaned, sectioned and tagged articles.

read -> parse -> clean -> split -> tag -> write: one module a stage, one word everywhere.
"""

__version__ = "0.1.0"
