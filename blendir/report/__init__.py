"""
The report of a design: what `report.json` holds, and the page that shows it.
"""
