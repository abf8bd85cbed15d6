"""What the shopping assistant is made of: tools over the same services, sentences by code, the model's rounds."""
