"""The methods that any table needs to be read: plain fine-tuning and its bounds. All others are plugins."""
